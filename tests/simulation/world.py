"""A simulated network, a real database and a daemon between them, to which a seed does all it can think of.

Time is counted in what happens (requests to the node, turns of the loop), never in seconds.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import asyncpg

from devnet.chain import Devnet
from devnet.faults import NoFaults
from devnet.server import DevnetServer
from evm.consensus import Consensus
from indexer.daemon import Daemon
from indexer.metrics import IndexerMetrics
from indexer.settings import IndexerSettings
from tests.broken_wire import Wire
from tests.devnet_faults import Answerless, AtExchange, Lagging
from tests.oracle import tip, value
from tests.processes import eventually

MAX_REORG_DEPTH = 12
_TURNS_MAX = 300
_PATIENCE_TURNS = 3000


@dataclass(slots=True)
class World:
    """What a history acts on; every step that was taken is kept, to be told when one fails."""

    rng: random.Random
    devnet: Devnet
    server: DevnetServer
    wire: Wire
    dsn: str
    settings: IndexerSettings
    steps: list[str] = field(default_factory=list)
    _daemon: asyncio.Task[None] | None = None
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _highest: int = 0

    # What may happen

    async def advance(self) -> None:
        self._note("advance", blocks := self.rng.choice((1, 1, 2, 3, 6, 15)))
        self.devnet.advance(blocks)

    async def reorg(self) -> None:
        """A branch that a daemon may accept whatever it has stored so far."""
        if self.devnet.consensus is not Consensus.CLIQUE:
            return
        head = self.devnet.head.header.number
        self._highest = max(self._highest, head)
        deepest = head - max(0, self._highest - MAX_REORG_DEPTH)
        if deepest < 1:
            return
        depth = self.rng.randint(1, deepest)
        length = self.rng.choice((None, None, self.rng.randint(1, depth + 1)))
        self._note("reorg", depth, length)
        self.devnet.reorg(depth, length)
        self._highest = max(self._highest, self.devnet.head.header.number)

    async def kill(self) -> None:
        """As by kill -9: its transaction is lost, and what happens meanwhile happens unseen."""
        self._note("kill")
        await self.end_daemon()
        for _ in range(self.rng.randrange(3)):
            await self.rng.choice((self.advance, self.reorg))()
        self._note("restart")
        self.start_daemon()

    async def kill_at_a_request(self) -> None:
        """The same between two requests of one step, where it has that many."""
        self._note("kill at request", count := self.rng.randint(1, 8))
        asked = asyncio.Event()
        self.server.faults = AtExchange(count, asked.set)
        self.devnet.advance(self.rng.randint(1, 4))
        await self._turns(_PATIENCE_TURNS, until=asked)
        self.server.faults = NoFaults()
        await self.kill()

    async def stop(self) -> None:
        self._note("stop")
        self._stop.set()
        assert self._daemon is not None
        await self._daemon
        await self.advance()
        self.start_daemon()

    async def end_connections(self) -> None:
        self._note("end connections")
        await self._end_connections()

    async def cut_wire(self) -> None:
        """The connection to the database breaks at any byte: before, during or after a commit."""
        self._note("cut wire after", size := int(10 ** self.rng.uniform(1, 5)))
        self.wire.cut_after(size)
        self.devnet.advance(self.rng.randint(1, 4))
        await self._turns(_PATIENCE_TURNS, until=self.wire.is_cut)
        await self.wire.cut()
        await self.wire.mend()

    async def lose_subscribers(self) -> None:
        self._note("lose subscribers")
        await self.server.disconnect_subscribers()

    async def lag(self) -> None:
        head = self.devnet.head.header.number
        self._note("lag", back := min(head, self.rng.randint(1, 2 * MAX_REORG_DEPTH)))
        self.server.faults = Lagging(self.devnet, head - back)
        await self._turns(self.rng.randrange(_TURNS_MAX))
        self.server.faults = NoFaults()

    async def hang_up(self) -> None:
        self._note("hang up")
        self.server.faults = Answerless()
        await self._turns(self.rng.randrange(_TURNS_MAX))
        self.server.faults = NoFaults()

    async def settle(self) -> None:
        """The daemon arrives where the network is."""
        head = self.devnet.head
        self._note("settle at", head.header.number)

        async def there() -> bool:
            assert self._daemon is not None
            if self._daemon.done():
                self._daemon.result()
            ranges = await value(self.dsn, "SELECT array_agg(lower(blocks)) FROM chain.coverage")
            stored = await value(
                self.dsn, "SELECT hash FROM chain.blocks WHERE number = $1", head.header.number
            )
            return ranges == [0] and stored == head.hash and await tip(self.dsn) == head.header.number

        await eventually(there, "the daemon arrives at the head")

    async def stored(self) -> str:
        """The covered ranges, and whether their last block is on the network's chain."""
        connection = await asyncpg.connect(self.dsn)
        try:
            ranges = await connection.fetch("SELECT blocks, last_hash FROM chain.coverage ORDER BY blocks")
        finally:
            await connection.close()
        told = []
        for row in ranges:
            block = self.devnet.block(row["last_hash"])
            own = block is not None and self.devnet.is_canonical(block)
            told.append(
                f"{row['blocks'].lower}…{row['blocks'].upper - 1}{'' if own else ' (another branch)'}"
            )
        return ", ".join(told) or "nothing"

    # How it goes on

    async def live(self, steps: int) -> None:
        """Start the daemon, let `steps` things happen to it, let it arrive, and stop it."""
        self.start_daemon()
        might = self._might()
        for _ in range(steps):
            await self.rng.choices([step for step, _ in might], [weight for _, weight in might])[0]()
            if self.rng.random() < 0.7:
                await self._turns(self.rng.randrange(_TURNS_MAX))
        await self.settle()
        self._stop.set()
        assert self._daemon is not None
        await self._daemon

    def _might(self) -> list[tuple[Callable[[], Awaitable[None]], int]]:
        return [
            (self.advance, 8),
            (self.reorg, 8),
            (self.kill, 2),
            (self.kill_at_a_request, 3),
            (self.stop, 1),
            (self.end_connections, 2),
            (self.cut_wire, 3),
            (self.lose_subscribers, 2),
            (self.lag, 2),
            (self.hang_up, 1),
            (self.settle, 2),
        ]

    def start_daemon(self) -> None:
        self._stop = asyncio.Event()
        daemon = Daemon(self.settings, IndexerMetrics(), self._stop)
        self._daemon = asyncio.create_task(daemon.run())

    async def end_daemon(self) -> None:
        """No farewell: the server ends its connections first, so that nothing more is committed."""
        daemon, self._daemon = self._daemon, None
        if daemon is None:
            return
        await self._end_connections()
        daemon.cancel()
        # Whatever it ends with, nobody is there to hear it; a refusal would come again after the start.
        await asyncio.gather(daemon, return_exceptions=True)
        # What it connected anew meanwhile.
        await self._end_connections()

    async def _end_connections(self) -> None:
        connection = await asyncpg.connect(self.dsn)
        try:
            await connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        finally:
            await connection.close()

    async def _turns(self, count: int, *, until: asyncio.Event | None = None) -> None:
        """Let everything else have `count` turns, or fewer when `until` is set."""
        for _ in range(count):
            if until is not None and until.is_set():
                return
            await asyncio.sleep(0)

    def _note(self, *step: object) -> None:
        self.steps.append(" ".join(map(str, step)))


@asynccontextmanager
async def world(seed: int, dsn: str) -> AsyncIterator[World]:
    """A world whose every property follows from `seed`."""
    rng = random.Random(seed)
    consensus = Consensus.QBFT if seed % 4 == 3 else Consensus.CLIQUE
    devnet = Devnet(
        seed,
        consensus,
        history_blocks=rng.choice((0, 3, 10, 40)),
        transactions_per_block=rng.choice((0, 1, 3)),
    )
    parts = urlsplit(dsn)
    assert parts.port is not None
    async with DevnetServer(devnet) as server, Wire(parts.port) as wire:
        settings = IndexerSettings.model_validate(
            {
                "database": {"dsn": dsn.replace(f":{parts.port}/", f":{wire.port}/")},
                "node": {
                    "urls": [server.http_url],
                    "ws_url": server.ws_url if rng.random() < 0.6 else None,
                    "poll_interval_s": 0.05,
                    "retry_deadline_s": 5,
                    "batch_blocks_max": rng.choice((1, 3, 10)),
                },
                "follow": {"max_reorg_depth": MAX_REORG_DEPTH},
                "backfill": {"workers": 1, "commit_rows": rng.choice((1, 50))},
            }
        )
        made = World(rng, devnet, server, wire, dsn, settings)
        try:
            yield made
        finally:
            await made.end_daemon()
