"""A stored devnet, and a worker's step on it that a test makes by hand."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import msgspec

from devnet.faults import Call, NoFaults
from indexer.chain import Link
from indexer.fetched.contract_calls import ContractCalls
from indexer.fetched.fetching import Fetching
from indexer.fetched.keep import Step
from indexer.fetched.pace import Pace
from indexer.network import agree_on_network
from indexer.settings import FetchedSection
from indexer.stages import Stage
from indexer.writer import Branch, replace, store
from node.client import NodeClient
from node.settings import NodeSettings
from tests.integration.indexer.chain_fixtures import Network

MIB = 1024 * 1024
REVERTED = {"code": -32000, "message": "Execution reverted", "data": "0x08c379a0" + "ff" * 40}


class Lies(NoFaults):
    """Answers some calls in the node's place: by method and, where it has one, address and call data."""

    def __init__(self) -> None:
        self.results: dict[tuple[str, ...], Any] = {}
        self.errors: dict[tuple[str, ...], Any] = {}
        self.asked: list[tuple[str, str]] = []

    def after(self, call: Call, answer: bytes) -> bytes:
        key = _key(call)
        self.asked.append((call.method, key[1] if len(key) > 1 else ""))
        for said, lies in (("result", self.results), ("error", self.errors)):
            for known in (key, key[:2], key[:1]):
                if known in lies:
                    return msgspec.json.encode({"jsonrpc": "2.0", "id": call.id, said: lies[known]})
        return answer


def _key(call: Call) -> tuple[str, ...]:
    first = call.params[0] if call.params else ""
    if isinstance(first, dict):
        return (call.method, str(first.get("to")).lower(), str(first.get("data") or first.get("input"))[:10])
    return (call.method, str(first).lower())


@asynccontextmanager
async def fetching(
    connection: asyncpg.Connection, url: str, *, on_announced: Any = lambda: None, **settings: Any
) -> AsyncIterator[Fetching]:
    """What a step works with, on a client whose answers are as short as the worker's own."""
    node_settings = NodeSettings(
        urls=(url,),
        deadline_s=2.0,
        retry_wait_initial_s=0.01,
        retry_wait_max_s=0.02,
        max_response_bytes=8 * MIB,
    )
    async with NodeClient(node_settings) as node:
        section = FetchedSection.model_validate({"calls_per_s": 0, "traces_per_s": 0} | settings)
        yield Fetching(
            connection, node, ContractCalls(node), Pace(0, Stage("fetch", 0)), section, on_announced
        )


async def stored(connection: asyncpg.Connection, running: Network, first: int = 0) -> None:
    """Everything of the devnet from `first` on, in the database."""
    await agree_on_network(connection, running.node)
    await store(connection, await running.rows(first, running.devnet.head.header.number), finalized=-1)


async def reorganised(connection: asyncpg.Connection, running: Network, depth: int) -> int:
    """Replace the newest `depth` blocks on the node and in the database; the number of the ancestor."""
    old = running.devnet.head.header
    links = [running.devnet.block(number) for number in (old.number - depth, old.number)]
    ancestor, head = (
        Link(block.header.number, block.hash, block.header.parent_hash) for block in links if block
    )
    running.devnet.reorg(depth)
    batch = await running.rows(ancestor.number + 1, running.devnet.head.header.number)
    await replace(connection, Branch(ancestor, head), batch, finalized=-1, epoch=None)
    return ancestor.number


async def settled(step: Step, with_: Fetching, *, steps_max: int = 500) -> int:
    """Make `step` until it finds nothing to do; how often it did something."""
    for worked in range(steps_max):
        if not await step(with_):
            return worked
        await asyncio.sleep(0)
    raise AssertionError(f"still at work after {steps_max} steps")


async def is_waiting(dsn: str, whose: asyncpg.Connection) -> bool:
    """Whether this connection waits for a lock."""
    other = await asyncpg.connect(dsn)
    try:
        return bool(
            await other.fetchval(
                "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $1", whose.get_server_pid()
            )
        )
    finally:
        await other.close()
