"""Missing, swapped, stray and foreign rows are found in every home, and a reorg meanwhile is none of them."""

import asyncio
import threading
from collections.abc import AsyncIterator

import asyncpg
import pytest

from devnet.chain import Devnet
from evm.consensus import Consensus
from indexer.chain import Link
from indexer.network import agree_on_network
from indexer.rows import BlockRows, copy_payloads
from indexer.verify import Difference, VerifyReport, verify
from indexer.writer import Branch, replace, store
from node.client import NodeClient
from node.errors import WrongGenesis
from postgres.copy import copy_binary
from tests.integration.indexer.chain_fixtures import Network, network
from tests.integration.indexer.verify_chain import chain, fetched, store_chain
from tests.unit.node.answers import block_answer

HEAD = 12


@pytest.fixture
async def clique() -> AsyncIterator[Network]:
    async with network(Consensus.CLIQUE, history=HEAD) as running:
        yield running


@pytest.fixture
async def stored(connection: asyncpg.Connection, clique: Network) -> asyncpg.Connection:
    await agree_on_network(connection, clique.node)
    await store(connection, await clique.rows(0, HEAD), finalized=-1)
    return connection


async def run(
    connection: asyncpg.Connection, first: int = 0, last: int = HEAD, node: NodeClient | None = None
) -> tuple[VerifyReport, list[Difference]]:
    differences: list[Difference] = []
    report = await verify(connection, first, last, node=node, on_difference=differences.append)
    assert report.differences == len(differences)
    return report, differences


def told(differences: list[Difference]) -> set[tuple[int, str]]:
    return {(difference.number, difference.kind) for difference in differences}


async def kinds(connection: asyncpg.Connection, first: int = 0, last: int = HEAD) -> set[tuple[int, str]]:
    return told((await run(connection, first, last))[1])


async def put(connection: asyncpg.Connection, rows: BlockRows) -> None:
    """Exchange a block behind the writer's back; the two branches share transactions, so locations move."""
    for fact, column in (("blocks", "number"), ("transactions", "block_number"), ("logs", "block_number")):
        await connection.execute(f"DELETE FROM chain.{fact} WHERE {column} = $1", rows.number)
    for locations, column in (("block_locations", "number"), ("transaction_locations", "block_number")):
        await connection.execute(f"DELETE FROM chain.{locations} WHERE {column} = $1", rows.number)
    for table, columns, payload in copy_payloads([rows]):
        if table != "transaction_locations":
            await copy_binary(connection, "chain", table, columns, payload)
    await connection.execute(
        "INSERT INTO chain.transaction_locations"
        " SELECT hash, block_number, transaction_index FROM chain.transactions WHERE block_number = $1"
        " ON CONFLICT (hash) DO UPDATE SET block_number = excluded.block_number,"
        " transaction_index = excluded.transaction_index",
        rows.number,
    )


async def test_verify_of_a_true_chain_against_its_node_finds_nothing(
    stored: asyncpg.Connection, clique: Network
) -> None:
    report, differences = await run(stored, node=clique.node)
    assert differences == []
    blocks = [clique.devnet.block(number) for number in range(HEAD + 1)]
    transactions = [one for block in blocks if block for one in block.transactions]
    logs = [one for block in blocks if block for receipt in block.receipts for one in receipt.logs]
    assert (report.blocks, report.transactions, report.logs) == (HEAD + 1, len(transactions), len(logs))
    assert (report.unverifiable, report.compared_with_node) == (0, HEAD + 1)


async def test_verify_of_a_range_inside_looks_at_nothing_else(stored: asyncpg.Connection) -> None:
    await stored.execute("UPDATE chain.blocks SET state_root = miner WHERE number IN (3, 9)")
    assert await kinds(stored, 4, 8) == set()
    assert (await run(stored, 4, 8))[0].blocks == 5


async def test_verify_of_several_bad_blocks_names_each(stored: asyncpg.Connection) -> None:
    await stored.execute("UPDATE chain.blocks SET state_root = miner WHERE number IN (3, 9)")
    await stored.execute("UPDATE chain.blocks SET difficulty = 'NaN' WHERE number = 5")
    # No total difficulty adds up on an unknown difficulty.
    assert await kinds(stored) == {
        (3, "header_hash"),
        (3, "size"),
        (5, "malformed"),
        (5, "total_difficulty"),
        (9, "header_hash"),
        (9, "size"),
    }


async def test_verify_of_an_empty_database_is_one_missing_range(connection: asyncpg.Connection) -> None:
    _, differences = await run(connection, 0, 10**12)
    assert [str(difference) for difference in differences] == [
        "block 0: not_covered: expected stored, stored not covered, nor is any up to block 1000000000000"
    ]


async def test_verify_of_gaps_names_each_missing_range(
    connection: asyncpg.Connection, clique: Network
) -> None:
    await agree_on_network(connection, clique.node)
    for first, last in ((2, 4), (7, 7), (10, 11)):
        await store(connection, await clique.rows(first, last), finalized=-1)
    report, differences = await run(connection, node=clique.node)
    assert told(differences) == {(number, "not_covered") for number in (0, 5, 8, 12)}
    assert report.blocks == 6


async def test_verify_of_rows_that_coverage_does_not_know_names_their_tables(
    stored: asyncpg.Connection,
) -> None:
    await stored.execute("UPDATE chain.coverage SET blocks = '[0,8]'")
    _, differences = await run(stored)
    uncovered = [difference for difference in differences if difference.kind == "uncovered_rows"]
    assert {difference.number for difference in uncovered} == {9}
    assert {"some blocks", "some transactions"} <= {difference.stored for difference in uncovered}
    assert {(9, "not_covered"), (8, "coverage_edge")} <= told(differences)


async def test_verify_of_a_deleted_block_row_names_it_and_its_location(stored: asyncpg.Connection) -> None:
    await stored.execute("DELETE FROM chain.blocks WHERE number = 6")
    assert await kinds(stored) == {(6, "block_missing"), (6, "stray_block_location")}


async def test_verify_of_a_deleted_transaction_row_names_counts_and_roots(stored: asyncpg.Connection) -> None:
    await stored.execute("DELETE FROM chain.transactions WHERE block_number = 6 AND transaction_index = 1")
    assert {
        (6, "transaction_count"),
        (6, "transaction_index"),
        (6, "transactions_root"),
        (6, "receipts_root"),
        (6, "stray_transaction_location"),
    } <= await kinds(stored)


async def test_verify_of_deleted_logs_names_counts_bloom_and_root(stored: asyncpg.Connection) -> None:
    number = await stored.fetchval("SELECT max(block_number) FROM chain.logs")
    await stored.execute("DELETE FROM chain.logs WHERE block_number = $1", number)
    assert await kinds(stored) == {
        (number, "log_count"),
        (number, "logs_bloom"),
        (number, "receipts_root"),
    }


async def test_verify_of_swapped_transactions_names_roots_and_locations(stored: asyncpg.Connection) -> None:
    for before, after in ((0, 100), (1, 0), (100, 1)):
        await stored.execute(
            "UPDATE chain.transactions SET transaction_index = $2"
            " WHERE block_number = 6 AND transaction_index = $1",
            before,
            after,
        )
    found = await kinds(stored)
    assert {(6, "transactions_root"), (6, "transaction_location"), (6, "receipt_gas")} <= found
    assert {number for number, _ in found} == {6}


async def test_verify_of_a_true_block_of_another_branch_names_the_two_broken_links(
    stored: asyncpg.Connection, clique: Network
) -> None:
    clique.devnet.reorg(6)
    (foreign,) = await clique.rows(8, 8)
    await put(stored, foreign)
    found = await kinds(stored)
    assert {(8, "parent_hash"), (9, "parent_hash")} <= found
    assert {kind for _, kind in found} <= {"parent_hash", "total_difficulty", "transaction_location"}


async def test_verify_of_the_first_block_of_a_range_checks_its_link_to_the_stored_parent(
    stored: asyncpg.Connection, clique: Network
) -> None:
    clique.devnet.reorg(6)
    (foreign,) = await clique.rows(7, 7)
    await put(stored, foreign)
    assert (8, "parent_hash") in await kinds(stored, 8, 10)


async def test_verify_of_missing_locations_names_their_facts(stored: asyncpg.Connection) -> None:
    await stored.execute("DELETE FROM chain.block_locations WHERE number = 4")
    await stored.execute(
        "DELETE FROM chain.transaction_locations WHERE block_number = 6 AND transaction_index = 2"
    )
    assert await kinds(stored) == {(4, "block_location"), (6, "transaction_location")}


async def test_verify_of_stray_locations_names_them_even_where_the_counts_agree(
    stored: asyncpg.Connection,
) -> None:
    hashes = ["\\x" + byte * 32 for byte in ("71", "72", "73", "74")]
    await stored.execute(f"INSERT INTO chain.block_locations VALUES ('{hashes[0]}', 4)")
    await stored.execute(f"INSERT INTO chain.transaction_locations VALUES ('{hashes[1]}', 5, 0)")
    # One that stands in for another: as many locations as facts, and the wrong ones.
    await stored.execute(
        f"UPDATE chain.transaction_locations SET hash = '{hashes[2]}'"
        " WHERE block_number = 7 AND transaction_index = 1"
    )
    await stored.execute(f"INSERT INTO chain.block_locations VALUES ('{hashes[3]}', {HEAD + 1})")
    assert await kinds(stored) == {
        (4, "stray_block_location"),
        (5, "stray_transaction_location"),
        (7, "transaction_location"),
        (7, "stray_transaction_location"),
    }


async def test_verify_against_a_node_on_another_branch_names_each_block(
    stored: asyncpg.Connection, clique: Network
) -> None:
    clique.devnet.reorg(3, 2)
    _, differences = await run(stored, node=clique.node)
    assert told(differences) == {(number, "node_hash") for number in (10, 11, 12)}
    block = clique.devnet.block(10)
    assert block is not None
    assert differences[0].expected == block_answer(block)["hash"]
    assert differences[-1].expected == "no such block on the node"
    assert await kinds(stored) == set()


async def test_verify_against_a_node_of_another_network_is_refused(stored: asyncpg.Connection) -> None:
    async with network(Consensus.CLIQUE, history=HEAD, seed=8) as other:
        with pytest.raises(WrongGenesis):
            await run(stored, node=other.node)


async def test_verify_of_an_unknown_type_is_unverifiable_neither_passed_nor_a_difference(
    connection: asyncpg.Connection,
) -> None:
    blocks = [fetched(block) for block in chain()[:2]]
    unknown = fetched(chain()[2], unknown_type_at=3)
    assert unknown.unverifiable
    await store_chain(connection, [*blocks, unknown])
    report, differences = await run(connection, 0, 2)
    assert differences == []
    assert (report.unverifiable, report.unverifiable_numbers) == (1, (2,))
    assert "unverifiable" in report.summary()
    # A known type that was made unknown cannot hide behind that.
    await connection.execute("UPDATE chain.transactions SET type = 99 WHERE type <> 126 AND block_number = 2")
    assert (2, "extra") in await kinds(connection, 0, 2)


LONG = 230


async def test_verify_while_a_reorg_replaces_blocks_across_two_batches_finds_nothing(
    database: str, connection: asyncpg.Connection
) -> None:
    async with network(Consensus.CLIQUE, history=LONG, transactions_per_block=1) as running:
        await agree_on_network(connection, running.node)
        await store(connection, await running.rows(0, LONG), finalized=-1)
        branch = _reorg(running.devnet, depth=60)
        new = await running.rows(branch.ancestor.number + 1, running.devnet.head.header.number)
        progress: list[int] = []

        def replace_meanwhile(done: int) -> None:
            if not progress:
                asyncio.run(_replace(database, branch, new))
            progress.append(done)

        differences: list[Difference] = []
        await verify(
            connection,
            0,
            LONG,
            on_difference=differences.append,
            on_progress=lambda done: _in_a_thread(replace_meanwhile, done),
        )
        assert (differences, progress) == ([], [200, LONG + 1])
        assert (await run(connection, 0, new[-1].number, running.node))[1] == []


def _reorg(devnet: Devnet, depth: int) -> Branch:
    old, ancestor = devnet.head, devnet.block(devnet.head.header.number - depth)
    assert ancestor is not None
    devnet.reorg(depth)
    return Branch(
        *(Link(block.header.number, block.hash, block.header.parent_hash) for block in (ancestor, old))
    )


async def _replace(database: str, branch: Branch, new: list[BlockRows]) -> None:
    connection = await asyncpg.connect(database)
    await replace(connection, branch, new, finalized=-1, epoch=None)
    await connection.close()


def _in_a_thread(function: object, done: int) -> None:
    """The callback is not async and a loop runs in this thread: another one waits for the database."""
    assert callable(function)
    thread = threading.Thread(target=function, args=(done,))
    thread.start()
    thread.join()
