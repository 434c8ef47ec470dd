"""`pend-index status` about what is derived: how far, what it waits for, which events no ABI knows."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from evm.consensus import Consensus
from indexer.network import agree_on_network
from indexer.writer import store
from tests.integration.indexer.chain_fixtures import network
from tests.integration.indexer.derive.derived import connected
from tests.oracle import derive_once
from tests.processes import environment, run_pend_index

HEAD = 30
_NODE = "http://127.0.0.1:1"


@pytest.fixture
async def with_hole(embedded_database: str) -> AsyncIterator[str]:
    """Blocks 0 to 9 and 12 to 30 are stored; the node is gone."""
    async with network(Consensus.QBFT, history=HEAD) as served, connected(embedded_database) as connection:
        await agree_on_network(connection, served.node)
        await store(connection, await served.rows(0, 9), finalized=9)
        await store(connection, await served.rows(12, HEAD), finalized=HEAD)
        await derive_once(embedded_database)
        yield embedded_database


async def test_status_of_deriving_that_waits_names_the_missing_block_and_why_it_is_missing(
    with_hole: str,
) -> None:
    env = environment(with_hole, _NODE)
    plain = await run_pend_index("status", env=env)
    async with connected(with_hole) as connection:
        await connection.execute(
            "INSERT INTO quarantined_blocks (number, kind, reason) VALUES (10, 'logs_bloom', 'the bloom lies')"
        )
    quarantined = await run_pend_index("status", env=env)
    told = msgspec.json.decode((await run_pend_index("status", "--json", env=env)).stdout)["derived"]

    assert "derived      0…9, 21 blocks behind what is stored\n" in plain.stdout
    assert "  waits for block 10, which is not stored\n" in plain.stdout
    assert "  waits for block 10, which is quarantined: logs_bloom: the bloom lies\n" in quarantined.stdout
    assert told["behind_blocks"] == 21
    assert told["waits_for"] == {"block": 10, "quarantined": "logs_bloom", "reason": "the bloom lies"}
    assert {(each["first_block"], each["derived_to"]) for each in told["derivations"]} == {(0, 9)}


async def test_status_names_the_event_topics_that_no_abi_knows(with_hole: str) -> None:
    async with connected(with_hole) as connection:
        await connection.execute("DELETE FROM unknown_topics")
        await connection.execute(
            "INSERT INTO unknown_topics (topic0, log_count)"
            " SELECT decode(lpad(to_hex(n), 64, '0'), 'hex'), 10 * n FROM generate_series(1, 7) AS n"
        )
    env = environment(with_hole, _NODE)
    text = (await run_pend_index("status", env=env)).stdout
    told = msgspec.json.decode((await run_pend_index("status", "--json", env=env)).stdout)["derived"]

    assert "unknown      280 logs of 7 event topics that no ABI knows\n" in text
    assert f"  0x{7:064x}: 70 logs\n" in text
    assert "  and 2 more topics\n" in text
    assert (told["unknown_topic_count"], told["unknown_logs"]) == (7, 280)
    assert [each["log_count"] for each in told["unknown_topics"]] == [70, 60, 50, 40, 30]


async def test_status_of_what_is_wholly_derived_is_one_range(database: str) -> None:
    async with network(Consensus.QBFT, history=9) as served, connected(database) as connection:
        await agree_on_network(connection, served.node)
        await store(connection, await served.rows(0, 9), finalized=9)
    env = environment(database, _NODE)
    before = (await run_pend_index("status", env=env)).stdout
    await derive_once(database)
    after = (await run_pend_index("status", env=env)).stdout

    assert "derived      none\n" in before
    assert "derived      0…9\n" in after
    assert "waits for" not in after
