"""Goes on where a client stopped: every row that it missed, once, and then it is live."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from explorer_api.stream.channels import STATS
from explorer_api.stream.hub import Hub
from explorer_api.stream.listeners import Listener
from explorer_api.stream.refusal import Refusal
from postgres.errors import Retryable
from service.outbox import OutboxRow, Position

log = structlog.get_logger(__name__)

_CATCH_UP_S = 5.0
_PAUSE_S = 0.5
_UNREAD_S = 10.0
_BATCH_ROWS = 50


class Stale(Exception):
    """The outbox cannot go on there: the client reads the chain anew. Word and sentence."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


@dataclass(slots=True)
class Replay:
    """`at_once` bounds how many read at the same time: who is live comes first."""

    hub: Hub
    rows_max: int
    at_once: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(3))

    async def resume(
        self, listener: Listener, positions: dict[str, int], stamp: int | None, history: str | None
    ) -> None:
        """Tell `listener` what came after its positions and make it live, or tell it to begin anew."""
        hub = self.hub
        listener.is_live = False
        try:
            await self._go_on(listener, positions, stamp, history)
        except Stale as stale:
            hub.join(listener, positions)
            listener.tell(hub.note("resync", reason=stale.reason, detail=stale.detail, history=hub.history))
        listener.is_live = True

    async def _go_on(
        self, listener: Listener, positions: dict[str, int], stamp: int | None, history: str | None
    ) -> None:
        hub = self.hub
        era = hub.era
        if history is not None and history != hub.history:
            raise Stale("other_history", f"the stream is of {hub.history}, not of {history}")
        await self._reached(max(positions.values()))
        first = min(positions.values())
        # One stamp says whose row it is only where all channels stand at it.
        position = Position(first, stamp if first == max(positions.values()) else None)
        behind = hub.sequence - first
        if behind > self.rows_max:
            raise Stale("too_far_behind", f"{behind} rows were missed, {self.rows_max} may be told again")
        stats = positions.get(STATS)
        while True:
            rows = await self._read(position)
            if hub.era != era or rows is None:
                raise Stale("not_there", f"the outbox does not go on after {position.sequence}")
            if rows:
                await self._tell(listener, rows, positions)
                position = Position.of(rows[-1])
            elif position.sequence < hub.sequence:
                await hub.moves(_PAUSE_S)  # a standby that is behind
            elif stats is not None and stats < hub.sequence and hub.recent:
                message = await hub.facts.stats(hub.recent[-1])
                stats = message.sequence
                if stats == hub.sequence:
                    listener.tell(message)
                    listener.flush(stats)
            else:
                break
        hub.join(listener, positions)

    async def _reached(self, sequence: int) -> None:
        """Wait for rows that another process has told already. Raises `Stale` where nobody has them."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _CATCH_UP_S
        while self.hub.sequence < sequence:
            left_s = deadline - loop.time()
            if left_s <= 0:
                raise Stale("ahead", f"{sequence} is not announced; the newest row is {self.hub.sequence}")
            await self.hub.moves(left_s)

    async def _read(self, position: Position) -> Sequence[OutboxRow] | None:
        while True:
            try:
                async with self.at_once:
                    return await self.hub.rows_from(position)
            except Retryable as error:
                log.warning("rows cannot be read again yet", reason=str(error))
                await asyncio.sleep(_PAUSE_S)

    async def _tell(self, listener: Listener, rows: Sequence[OutboxRow], positions: dict[str, int]) -> None:
        wanted = [channel for channel in positions if channel != STATS]
        newest = max(positions.values())
        for start in range(0, len(rows), _BATCH_ROWS):
            batch = rows[start : start + _BATCH_ROWS]
            async with self.at_once:
                all_told = await self.hub.facts.of(batch, wanted)
            for row, told in zip(batch, all_told, strict=True):
                for channel, message in told.items():
                    if row.sequence > (newest if message.channel is None else positions[channel]):
                        listener.tell(message)
                listener.flush(row.sequence)
                await self._drained(listener)

    async def _drained(self, listener: Listener) -> None:
        """Until the reader has room for more. Raises `Refusal` where it has gone, or does not read."""
        if listener.transport.is_closing() or listener.reason is not None:
            raise Refusal("gone", "the reader has gone")
        if listener.transport.get_write_buffer_size() == 0:
            return
        try:
            async with asyncio.timeout(_UNREAD_S):
                await asyncio.sleep(0)
                await listener.drained()
        except TimeoutError as error:
            raise Refusal("too_slow", "what was missed is not read", close_code=1013) from error
