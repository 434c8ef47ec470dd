"""A simulated network, a real database and a daemon between them, to which a seed does all it can think of.

Time is counted in what happens (requests to the node, turns of the loop), never in seconds.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg

from devnet.chain import Devnet
from devnet.faults import Faults, NoFaults
from devnet.server import DevnetServer
from devnet.weather.weather import Weather
from evm.consensus import Consensus
from indexer.settings import IndexerSettings
from tests.oracle import tip, value
from tests.processes import environment, eventually
from tests.simulation.climate import REQUEST_TIMEOUT_S, RESPONSE_BYTES_MAX
from tests.simulation.hosts import Host, ProcessHost, TaskHost
from tests.simulation.places import Place, dsn_by_wire

MAX_REORG_DEPTH = 12
SETTLES_WITHIN_S = 240.0
"""Far beyond any wait of the daemon on a busy machine: reached only when it hangs."""


def has_process(seed: int) -> bool:
    """Whether the daemon of this history is a process of its own."""
    return seed % 5 == 4


def has_server(seed: int) -> bool:
    """Whether this history has a database server of its own, which restarts and crashes."""
    return seed % 6 == 5


@dataclass(slots=True)
class World:
    """What a history acts on; every step that was taken is kept, to be told when one fails."""

    seed: int
    rng: random.Random
    devnet: Devnet
    servers: tuple[DevnetServer, DevnetServer]
    place: Place
    host: Host
    steps: list[str] = field(default_factory=list)
    tally: Counter[str] = field(default_factory=Counter)
    struck: Counter[str] = field(default_factory=Counter)
    highest: int = 0
    _climate: Faults = field(default_factory=NoFaults)

    @property
    def server(self) -> DevnetServer:
        """The node that announces heads; the other one is asked beside it in some histories."""
        return self.servers[0]

    def note(self, step: str, *details: object) -> None:
        self.tally[step] += 1
        self.steps.append(" ".join(map(str, (step, *details))))

    async def turns(self, count: int, *, until: asyncio.Event | None = None) -> None:
        """Let everything else have `count` turns, or fewer when `until` is set."""
        for _ in range(count):
            if until is not None and until.is_set():
                return
            await asyncio.sleep(self.host.turn_s)

    def deepest(self) -> int:
        """How deep a reorg may be that a daemon accepts whatever it has stored so far; below 1: none."""
        head = self.devnet.head.header.number
        self.highest = max(self.highest, head)
        if self.devnet.consensus is not Consensus.CLIQUE:
            return 0
        return head - max(0, self.highest - MAX_REORG_DEPTH)

    # The node's weather

    def set_climate(self, climate: Faults) -> None:
        """What the node does from now on whenever no step has it do something else."""
        if isinstance(self._climate, Weather):
            self.struck += self._climate.struck
        self._climate = climate
        self.clear()

    def clear(self) -> None:
        """Back to the climate, on every endpoint."""
        for server in self.servers:
            server.faults = self._climate

    # The database

    async def end_connections(self) -> None:
        connection = await asyncpg.connect(self.place.direct)
        try:
            await connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND backend_type = 'client backend'"
            )
        finally:
            await connection.close()

    async def is_whole(self) -> bool:
        """Whether one range from the first block on is covered."""
        ranges = await value(self.place.direct, "SELECT array_agg(lower(blocks)) FROM chain.coverage")
        return ranges == [0]

    async def quarantined(self) -> bool:
        return bool(await value(self.place.direct, "SELECT count(*) FROM chain.quarantined_blocks"))

    # The daemon

    async def kill_daemon(self) -> None:
        """No farewell: nothing that it had not committed is committed."""
        if isinstance(self.host, TaskHost):
            await self.end_connections()
        await self.host.kill()
        if isinstance(self.host, TaskHost):  # what it connected anew meanwhile
            await self.end_connections()

    async def settle(self) -> None:
        """The daemon arrives where the network is, once the network does no more wrong."""
        self.set_climate(NoFaults())
        head = self.devnet.head
        self.note("settle", head.header.number)

        async def there() -> bool:
            await self.host.require_well()
            dsn = self.place.direct
            stored = await value(dsn, "SELECT hash FROM chain.blocks WHERE number = $1", head.header.number)
            if stored != head.hash or await tip(dsn) != head.header.number:
                return False
            return await self._is_derived() or await self.quarantined()

        await eventually(there, "the daemon arrives at the head", within_s=SETTLES_WITHIN_S)
        if await self.quarantined():
            # Tried again after ten minutes, or by the next start, which is what a person would do.
            self.note("restart for quarantined blocks")
            await self.host.stop()
            await self.host.start()
            await eventually(self._is_complete, "nothing is quarantined", within_s=SETTLES_WITHIN_S)

    async def _is_complete(self) -> bool:
        await self.host.require_well()
        return await self._is_derived() and not await self.quarantined()

    async def _is_derived(self) -> bool:
        """Whether it is whole, and everything is derived from it up to the head."""
        derived_to = await value(self.place.direct, "SELECT min(derived_to) FROM chain.derivations")
        return await self.is_whole() and derived_to == self.devnet.head.header.number

    async def stored(self) -> str:
        """The covered ranges, and whether their last block is on the network's chain."""
        connection = await asyncpg.connect(self.place.direct)
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


@asynccontextmanager
async def world(seed: int, place: Place) -> AsyncIterator[World]:
    """A world whose every property follows from `seed`."""
    rng = random.Random(seed)
    consensus = Consensus.QBFT if seed % 4 == 3 else Consensus.CLIQUE
    devnet = Devnet(
        seed,
        consensus,
        history_blocks=rng.choice((0, 3, 10, 40, 120)),
        transactions_per_block=rng.choice((0, 1, 3)),
    )
    async with DevnetServer(devnet) as server, DevnetServer(devnet) as other:
        urls = rng.choice(
            ([server.http_url], [server.http_url, other.http_url], [other.http_url, server.http_url])
        )
        ws_url = server.ws_url if rng.random() < 0.6 else None
        limits = _limits(rng)
        dsn = dsn_by_wire(place)
        process: ProcessHost | None = None
        host: Host
        if has_process(seed):
            variables = environment(dsn, ",".join(urls), ws_url=ws_url, **_flat(limits))
            host = process = ProcessHost(variables)
        else:
            given = {**limits, "database": {"dsn": dsn}}
            given["node"] = {**limits["node"], "urls": urls, "ws_url": ws_url}
            # Reading beside the blocks is load that nothing may depend on: in some histories, not in others.
            given["fetched"] = dict.fromkeys(
                ("token_metadata", "native_balances", "contract_codes"), seed % 3 == 0
            )
            host = TaskHost(IndexerSettings.model_validate(given))
        made = World(seed, rng, devnet, (server, other), place, host)
        try:
            yield made
        finally:
            await made.kill_daemon()
            if process is not None:
                await process.close()


def _limits(rng: random.Random) -> dict[str, dict[str, object]]:
    return {
        "node": {
            "poll_interval_s": 0.05,
            "retry_deadline_s": 5,
            "silence_timeout_s": 1,
            "request_timeout_s": REQUEST_TIMEOUT_S,
            "max_response_bytes": RESPONSE_BYTES_MAX,
            "batch_blocks_max": rng.choice((1, 3, 10)),
        },
        "follow": {"max_reorg_depth": MAX_REORG_DEPTH},
        "backfill": {
            "workers": rng.choice((1, 2)),
            "segment_blocks": rng.choice((20, 2000)),
            "commit_rows": rng.choice((1, 50)),
        },
    }


def _flat(sections: dict[str, dict[str, object]]) -> dict[str, object]:
    return {f"{section}__{name}": item for section, items in sections.items() for name, item in items.items()}
