"""A `pend-index run` in a process of its own, and what tests wait for it to do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from devnet.server import DevnetServer
from tests.oracle import tip, value
from tests.processes import Running, environment, pend_index


@asynccontextmanager
async def daemon(
    dsn: str, server: DevnetServer, *, ws: bool = False, **settings: object
) -> AsyncIterator[Running]:
    """A daemon on `dsn` and `server`, which polls quickly unless it is given the WebSocket."""
    env = environment(dsn, server.http_url, ws_url=server.ws_url if ws else None, **settings)
    async with pend_index("run", env=env) as running:
        yield running


async def follows(running: Running, dsn: str, server: DevnetServer) -> None:
    """Wait until the head of `server` is stored, by its hash."""
    head = server.devnet.head

    async def stored() -> bool:
        return (
            await value(dsn, "SELECT hash FROM chain.blocks WHERE number = $1", head.header.number)
            == head.hash
        )

    await running.until(stored, f"block {head.header.number} is stored")


async def fills(running: Running, dsn: str, first: int = 0) -> None:
    """Wait until nothing is missing from `first` to the highest stored block, and all is derived from it."""

    async def filled() -> bool:
        ranges = await value(dsn, "SELECT array_agg(lower(blocks) ORDER BY blocks) FROM chain.coverage")
        behind = await value(
            dsn,
            "SELECT count(*) FROM chain.derivations AS d JOIN chain.coverage AS c ON c.blocks @> d.derived_to + 1",
        )
        return ranges == [first] and await tip(dsn) > first and behind == 0

    await running.until(filled, f"one range from block {first} on is covered")
