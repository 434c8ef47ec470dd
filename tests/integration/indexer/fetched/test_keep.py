"""The workers as the daemon starts them: their own connections, the indexer's role, and no end but a stop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from structlog.testing import capture_logs

from indexer.errors import Retryable
from indexer.fetched.fetching import Fetching
from indexer.fetched.keep import STEPS, keep_fetching, keep_stepping, wanted
from indexer.fetched.pinned import StateMissing
from indexer.settings import FetchedSection, IndexerSettings
from indexer.stages import Stage
from tests.integration.indexer.chain_fixtures import Network
from tests.integration.indexer.fetched.fetching_fixtures import Lies, fetching, stored
from tests.integration.indexer.fetched.test_internal_transfers import tell_all
from tests.integration.indexer.fetched.test_token_metadata import known_tokens
from tests.processes import eventually

TABLES = {
    "token_metadata": "SELECT count(*) FROM chain.token_metadata",
    "native_balances": "SELECT count(*) FROM chain.native_balances",
    "contract_codes": "SELECT count(*) FROM chain.contract_codes",
    "internal_transfers": "SELECT count(*) FROM chain.internal_transfers",
}


def settings(dsn: str, url: str) -> IndexerSettings:
    return IndexerSettings.model_validate(
        {
            "database": {"dsn": dsn, "role": "pend_indexer"},
            "node": {"urls": [url], "retry_deadline_s": 1},
            "fetched": {"look_every_s": 0.05, "traces": "auto", "calls_per_s": 0, "traces_per_s": 0},
        }
    )


@asynccontextmanager
async def kept(name: str, with_: IndexerSettings) -> AsyncIterator["asyncio.Task[None]"]:
    task = asyncio.create_task(keep_fetching(name, with_, stage=Stage(f"fetch {name}", 60.0)))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("name", STEPS)
async def test_worker_that_lost_its_connection_goes_on_with_another(
    connection: asyncpg.Connection, database: str, clique: Network, lies: Lies, name: str
) -> None:
    await stored(connection, clique)
    await known_tokens(connection, {clique.devnet.workload.asset: 20})
    tell_all(lies, clique)

    async def filled() -> bool:
        return bool(await connection.fetchval(TABLES[name]))

    async with kept(name, settings(database, clique.server.http_url)) as worker:
        await eventually(filled, f"{name} is filled")
        tables = "traced_blocks, internal_transfers, native_balances, contract_codes, token_metadata"
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'pend-index fetch%'"
        )
        await connection.execute(f"TRUNCATE {tables}")
        await connection.execute("UPDATE chain.fetch_progress SET first_block = 0, last_block = -1")
        await eventually(filled, f"{name} is filled again")
        assert not worker.done()


async def test_worker_of_an_empty_database_waits_for_the_network(
    connection: asyncpg.Connection, database: str, clique: Network
) -> None:
    async with kept("native_balances", settings(database, clique.server.http_url)) as worker:
        await asyncio.wait({worker}, timeout=0.3)
        assert not worker.done()
        await stored(connection, clique)

        async def filled() -> bool:
            return bool(await connection.fetchval(TABLES["native_balances"]))

        await eventually(filled, "balances are read")


async def test_step_that_has_to_wait_is_said_once_and_made_again(
    connection: asyncpg.Connection, clique: Network
) -> None:
    made = 0

    async def step(_: Fetching) -> bool:
        nonlocal made
        made += 1
        if made < 5:
            raise StateMissing(7, "World state unavailable")
        if made == 5:
            return False
        raise asyncio.CancelledError

    with capture_logs() as said:
        async with fetching(connection, clique.server.http_url, look_every_s=0.05) as worker:
            with pytest.raises(asyncio.CancelledError):
                await keep_stepping(step, worker, Stage("fetch", 60.0))
    assert made == 6
    assert len(said) == 1
    assert issubclass(StateMissing, Retryable)


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        ({}, ("token_metadata", "native_balances", "contract_codes")),
        (
            {"traces": "debug", "native_balances": False},
            ("token_metadata", "contract_codes", "internal_transfers"),
        ),
        ({"token_metadata": False, "native_balances": False, "contract_codes": False}, ()),
    ],
)
def test_settings_say_what_is_fetched(chosen: dict[str, Any], names: tuple[str, ...]) -> None:
    assert wanted(FetchedSection.model_validate(chosen)) == names
