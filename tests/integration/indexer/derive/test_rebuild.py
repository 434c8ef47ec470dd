"""`pend-index rebuild` and `verify` of derived tables, as an operator has them."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from evm.consensus import Consensus
from indexer.derive.registry import REGISTRY
from indexer.network import agree_on_network
from indexer.writer import store
from postgres.connections import OwnConnection
from tests.integration.indexer.chain_fixtures import network
from tests.integration.indexer.derive.derived import connected, derived_digests
from tests.oracle import derive_once, value
from tests.processes import environment, run_pend_index

HEAD = 100
_NODE = "http://127.0.0.1:1"


@pytest.fixture
async def stored(database: str) -> str:
    """A chain that is stored and derived; the node is gone."""
    async with network(Consensus.QBFT, history=HEAD) as served, connected(database) as connection:
        await agree_on_network(connection, served.node)
        await store(connection, await served.rows(0, HEAD), finalized=HEAD)
    await derive_once(database)
    return database


async def _spoil(dsn: str) -> None:
    async with connected(dsn) as connection:
        await connection.execute("UPDATE addresses SET sent_count = sent_count + 1 WHERE sent_count > 2")
        await connection.execute("DELETE FROM network_hourly")
        await connection.execute("UPDATE token_transfers SET amount = amount + 1 WHERE block_number = 50")


async def test_verify_names_the_first_row_that_differs_and_rebuild_mends_all(stored: str) -> None:
    wanted = await derived_digests(stored)
    await _spoil(stored)
    variables = environment(stored, _NODE)

    spoilt = await run_pend_index("verify", env=variables)
    rebuilt = await run_pend_index("rebuild", "--all", env=variables)
    mended = await run_pend_index("verify", env=variables)

    assert spoilt.code == 1, spoilt.output
    assert "addresses (address 0x" in spoilt.output
    assert "network_hourly (bucket " in spoilt.output
    assert "token_transfers (" in spoilt.output
    assert rebuilt.code == 0, rebuilt.output
    assert (mended.code, "tables recomputed: no difference" in mended.output) == (0, True), mended.output
    assert await derived_digests(stored) == wanted
    assert await value(stored, "SELECT count(*) FROM pg_tables WHERE schemaname = 'chain_rebuild'") == 0


async def test_rebuild_writes_only_what_differs_and_announces_it(stored: str) -> None:
    before = await value(stored, "SELECT outbox_sequence FROM chain.chain_state")
    await value(
        stored,
        "DELETE FROM chain.addresses WHERE sent_count = (SELECT max(sent_count) FROM chain.addresses) RETURNING 1",
    )
    untouched = "SELECT max(xmin::text::bigint) FROM chain.token_balances"
    written_at = await value(stored, untouched)

    rebuilt = await run_pend_index("rebuild", "addresses", "token_balances", env=environment(stored, _NODE))

    assert "addresses: 0 rows removed, 1 added" in rebuilt.output
    assert "token_balances: 0 rows removed, 0 added" in rebuilt.output
    assert await value(stored, untouched) == written_at
    assert isinstance(before, int)
    assert await value(stored, "SELECT kind FROM chain.outbox WHERE sequence = $1", before + 1) == "derived"


async def test_rebuild_reaches_down_to_blocks_that_were_stored_later(embedded_database: str) -> None:
    async with (
        network(Consensus.QBFT, history=HEAD) as served,
        connected(embedded_database) as connection,
    ):
        await agree_on_network(connection, served.node)
        await store(connection, await served.rows(40, HEAD), finalized=HEAD)
        await derive_once(embedded_database, first=40)
        await store(connection, await served.rows(0, 39), finalized=HEAD)
    variables = environment(embedded_database, _NODE)

    before = await run_pend_index("verify", env=variables)
    rebuilt = await run_pend_index("rebuild", "--all", env=variables)
    after = await run_pend_index("verify", env=variables)

    assert f"derived from blocks 40 to {HEAD}" in before.output
    assert rebuilt.code == 0, rebuilt.output
    assert f"derived from blocks 0 to {HEAD}" in after.output
    assert after.code == 0, after.output


async def test_rebuild_beside_another_is_refused(stored: str) -> None:
    async with AsyncExitStack() as stack:
        other: OwnConnection = await stack.enter_async_context(connected(stored))
        await other.execute(
            "SELECT pg_advisory_lock(hashtextextended('pend rebuild ' || current_database(), 0))"
        )
        refused = await run_pend_index("rebuild", "--all", env=environment(stored, _NODE))

    assert (refused.code, "another rebuild or redecode is running" in refused.output) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "name the tables, or give --all"),
        (("blocks",), "blocks is no derived table; there are address_token_transfers, address_transactions"),
        (("addresses", "--all"), "name the tables, or give --all"),
    ],
)
async def test_rebuild_of_nothing_that_exists_is_refused(
    embedded_database: str, arguments: tuple[str, ...], said: str
) -> None:
    refused = await run_pend_index("rebuild", *arguments, env=environment(embedded_database, _NODE))

    assert (refused.code, said in refused.output) == (2, True), refused.output


async def test_rebuild_before_anything_was_derived_says_what_begins_it(embedded_database: str) -> None:
    refused = await run_pend_index("rebuild", "--all", env=environment(embedded_database, _NODE))

    assert refused.code == 2
    assert "nothing was derived yet of token_transfers" in refused.output


def test_every_derivation_has_a_name_of_its_own_and_every_table_one_derivation() -> None:
    names = [each.name for each in REGISTRY]
    tables = [table for each in REGISTRY for table in each.tables]
    assert len({*names}) == len(names)
    assert len({*tables}) == len(tables)


def test_every_derivation_is_a_file_of_its_own() -> None:
    folder = Path(__file__).parents[4] / "indexer" / "derive"
    assert {each.name for each in REGISTRY} <= {path.stem for path in folder.glob("*.py")}
