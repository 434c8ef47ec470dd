"""What is committed, as it is committed: each row of the outbox once and in order, or the word to resync.

Redis brings the rows when it is there. Whatever it loses is read from the database, and without it the
database is asked every second: slower, never wrong (invariant 10).
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Self

import structlog
from redis.asyncio import Redis

from postgres.connections import Pool
from postgres.errors import Retryable, translated
from service.outbox import (
    PAGE_ROWS,
    Bounds,
    OutboxRow,
    Position,
    Resync,
    Verdict,
    decode,
    judge,
    rows_after,
    select_bounds,
    select_page,
)
from service.redis import AWAY, RedisSettings, heed_cancellation, open_redis

log = structlog.get_logger(__name__)

_BLOCK_MS = 1_000  # below the time limit of a request
_ANSWER_S = 4.0


@dataclass(slots=True)
class OutboxConsumer:
    """`async for row in consumer`: the rows after `position`, for ever.

    `position` moves with each row handed out; who stores it beside what it made of the row goes on there
    after a restart. None begins at the newest row. `Resync` is raised where rows are missing or history is
    another; the consumer then stands at `resync.newest`, and may be asked for more once everything was read
    anew. A database or Redis that is away is waited for; only the fatal errors of postgres.errors leave.
    """

    pool: Pool
    redis: RedisSettings | None
    position: Position | None = None
    poll_every_s: float = 1.0
    look_every_s: float = 5.0
    """How often the database is asked though Redis says that there is nothing: a relay may be down."""
    _ready: "deque[OutboxRow]" = field(default_factory=deque)
    _read_to: Position | None = None
    _outbox: Bounds | None = None
    _client: Redis | None = None
    _look_at_s: float = 0.0
    _asked: bool = False
    _said: dict[str, bool] = field(default_factory=dict)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> OutboxRow:
        """The next row, however long it takes to come. Raises `Resync`."""
        while not self._ready:
            if self._outbox is None or asyncio.get_running_loop().time() >= self._look_at_s:
                await self._look()
            else:
                await self._listen()
        row = self._ready.popleft()
        self.position = Position.of(row)
        return row

    async def aclose(self) -> None:
        """Let go of Redis; the pool is the caller's."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _look(self) -> None:
        """Read what the database has after the last row read."""
        now = asyncio.get_running_loop().time()
        try:
            with translated():
                async with self.pool.acquire() as connection:
                    at = self._read_to or self.position
                    page = [] if at is None else await select_page(connection, at.sequence)
                    # After the page: whatever is in it lies within these bounds, or was pruned since.
                    self._outbox = outbox = await select_bounds(connection)
        except Retryable as error:
            self._say("database", up=False, reason=str(error))
            await asyncio.sleep(self.poll_every_s)
            return
        self._say("database", up=True)
        every_s = self.poll_every_s if self.redis is None else self.look_every_s
        self._look_at_s = now if len(page) > PAGE_ROWS else now + every_s
        if outbox is None:  # no network is recorded yet
            await asyncio.sleep(self.poll_every_s)
        elif at is None:
            self.position = self._read_to = Position(outbox.newest)
            self._look_at_s = now  # for its stamp
        else:
            self._take(at, page, outbox)
            if self._asked and not self._ready:  # Redis says what the database does not know
                await asyncio.sleep(self.poll_every_s)
            self._asked = False

    def _take(self, at: Position, page: list[OutboxRow], outbox: Bounds) -> None:
        rows = rows_after(at, page)
        if rows is not None:
            self._ready.extend(rows)
            self._read_to = Position.of(page[-1]) if page else at
        elif not (outbox.is_standby and at.sequence > outbox.newest):  # a standby may be behind Redis
            self.position = self._read_to = Position(outbox.newest)
            self._look_at_s = 0.0  # for its stamp
            raise Resync(at, outbox.oldest, outbox.newest)

    async def _listen(self) -> None:
        """Take what Redis has, or wait a while for it; ask the database soon where that does not do."""
        assert self._outbox is not None
        assert self._read_to is not None
        if self.redis is None:
            now = asyncio.get_running_loop().time()
            await asyncio.sleep(max(0.0, self._look_at_s - now))
            return
        if self._client is None:
            self._client = open_redis(self.redis)
        answer, reason = None, ""
        try:
            async with asyncio.timeout(_ANSWER_S):
                answer = await self._client.xread(
                    {self._outbox.stream: f"{self._read_to.sequence}-0"}, count=PAGE_ROWS, block=_BLOCK_MS
                )
        except AWAY as error:
            reason = str(error) or type(error).__name__
        heed_cancellation()
        self._say("redis", up=not reason, reason=reason)
        if reason:
            await asyncio.sleep(self.poll_every_s)
            self._look_at_s = 0.0
        for data in _entries(answer):
            self._hear(data)

    def _hear(self, data: bytes) -> None:
        message = decode(data)
        assert self._read_to is not None
        verdict = Verdict.ASK if message is None else judge(self._read_to, message)
        if verdict is Verdict.ASK:
            self._asked, self._look_at_s = True, 0.0
        elif message is not None and verdict is Verdict.NEXT:
            self._ready.append(message.row)
            self._read_to = Position.of(message.row)

    def _say(self, what: str, *, up: bool, reason: str = "") -> None:
        if self._said.get(what, True) is not up:
            log.log(20 if up else 30, "answers again" if up else "is away", what=what, reason=reason)
        self._said[what] = up


def _entries(answer: Any) -> list[bytes]:
    """The rows in an answer of XREAD, in either spelling of the protocol."""
    if not answer:
        return []
    streams = answer.values() if isinstance(answer, dict) else (entries for _, entries in answer)
    return [fields.get(b"row", b"") for entries in streams for _, fields in _flat(entries)]


def _flat(entries: Any) -> Any:
    # RESP3 nests the entries of a stream once more.
    return entries[0] if entries and isinstance(entries[0], list) else entries
