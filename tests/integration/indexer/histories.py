"""One history for all backfill tests, and what a database must hold after any."""

from contextlib import contextmanager
from functools import cache

from devnet.chain import Devnet
from devnet.server import DevnetServer
from tests.database import DatabaseServer, fresh_database
from tests.oracle import index_once

HEAD = 240
_truths: dict[str, dict[str, str]] = {}


@cache
def history() -> Devnet:
    """QBFT, some transactions in each block; nobody may change it."""
    return Devnet(11, history_blocks=HEAD, transactions_per_block=2)


async def truth(home: DatabaseServer) -> dict[str, str]:
    """The digests of a database that was indexed once, undisturbed, from `history()`."""
    if "whole" not in _truths:
        async with DevnetServer(history()) as server:
            _truths["whole"] = await truth_of(server, home)
    return _truths["whole"]


async def truth_of(
    server: DevnetServer, home: DatabaseServer, first: int = 0, *, derived: bool = False
) -> dict[str, str]:
    """The same from `first` to the head that `server` has now; with `derived`, of what follows from it too."""
    with contextmanager(fresh_database)(home) as dsn:
        head = server.devnet.head.header.number
        return await index_once(dsn, server.http_url, first, head, derived=derived)
