"""The real thing: contracts from npm packages on a real EVM node, indexed while they run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from tests.acceptance import node_truth, scenes
from tests.acceptance.contracts import Chain, connected
from tests.acceptance.indexing import Daemon, daemon, run_command, settings, wait_until
from tests.anvil import Anvil

# anvil_reorg beyond it must stop the daemon; the other tests stay below.
MAX_REORG_DEPTH = 8


@pytest.fixture
def chain(anvil: Anvil) -> Chain:
    return connected(anvil)


def test_backfill_of_every_contract_and_envelope_stores_what_the_node_answers(
    database: str, anvil: Anvil, chain: Chain
) -> None:
    scenes.play_all(chain)
    environment = settings(database, anvil, VERIFY__LEVEL="full")

    migrated = run_command(environment, "db", "migrate")
    assert migrated.exit_code == 0, migrated.output
    filled = run_command(environment, "backfill", "--from-block", "0", "--workers", "2")
    assert filled.exit_code == 0, filled.output

    with psycopg.connect(database) as connection:
        _assert_same(connection, chain)
        assert _one(connection, "SELECT array_agg(DISTINCT type::int ORDER BY type::int) FROM chain.transactions") == [
            0, 1, 2, 4,
        ]  # fmt: skip
        assert _one(connection, "SELECT count(*) FROM chain.quarantined_blocks") == 0
    verified = run_command(
        environment, "verify", "--from-block", "0", "--to-block", str(chain.head()), "--against-node"
    )
    assert verified.exit_code == 0, verified.output


def test_backfill_of_a_block_whose_root_the_node_got_wrong_quarantines_it_until_checks_allow_it(
    embedded_database: str, anvil: Anvil, chain: Chain
) -> None:
    scenes.blobs(chain)
    blob_block = chain.head()
    chain.mine(2)
    environment = settings(embedded_database, anvil)

    refused = run_command(environment, "backfill", "--from-block", "0", "--workers", "1", "--verify", "full")
    assert refused.exit_code not in (0, -9), refused.output
    with psycopg.connect(embedded_database) as connection:
        assert connection.execute("SELECT number, kind FROM chain.quarantined_blocks").fetchall() == [
            (blob_block, "transactions_root")
        ]
        stored = _one(connection, "SELECT array_agg(number ORDER BY number) FROM chain.blocks")
        assert stored == [number for number in range(chain.head() + 1) if number != blob_block]

    filled = run_command(environment, "backfill", "--from-block", "0", "--workers", "1", "--verify", "light")
    assert filled.exit_code == 0, filled.output
    with psycopg.connect(embedded_database) as connection:
        _assert_same(connection, chain)
        assert _one(connection, "SELECT array_agg(type::int) FROM chain.transactions") == [3]
        assert _one(connection, "SELECT count(*) FROM chain.quarantined_blocks") == 0
    verified = run_command(environment, "verify", "--from-block", "0", "--to-block", str(chain.head()))
    assert verified.exit_code == 1, verified.output
    assert "transactions" in verified.output.lower()


def test_daemon_beside_a_busy_node_keeps_every_field_through_reorgs(
    database: str, anvil: Anvil, chain: Chain, tmp_path: Path
) -> None:
    scenes.erc20(chain)
    environment = settings(database, anvil, FOLLOW__MAX_REORG_DEPTH=str(MAX_REORG_DEPTH))

    with (
        daemon(environment, tmp_path / "daemon.log") as running,
        psycopg.connect(database, autocommit=True) as connection,
    ):
        for scene in (scenes.erc721, scenes.erc1155, scenes.proxies, scenes.uniswap, scenes.failures):
            scene(chain)
        _wait_for_head(connection, chain, running)
        _assert_same(connection, chain)

        replaced = [_hash(chain, chain.head() - depth) for depth in range(3)]
        chain.reorg(
            3, [[scenes.transfer_bytes(chain, value), offset] for value, offset in ((5, 0), (6, 0), (7, 2))]
        )
        _wait_for_head(connection, chain, running)
        scenes.crowd(chain)
        _wait_for_head(connection, chain, running)
        _assert_same(connection, chain)

        assert _one(connection, "SELECT array_agg(depth) FROM chain.reorgs") == [3]
        orphaned = connection.execute(
            "SELECT hash FROM chain.orphaned_blocks ORDER BY number DESC"
        ).fetchall()
        assert [row[0] for row in orphaned] == replaced

        stopped = running.terminate()
        assert stopped.exit_code == 0, stopped.output


def test_daemon_restarted_after_a_reorg_it_did_not_see_stores_the_new_branch(
    embedded_database: str, anvil: Anvil, chain: Chain, tmp_path: Path
) -> None:
    scenes.erc20(chain)
    environment = settings(embedded_database, anvil, FOLLOW__MAX_REORG_DEPTH=str(MAX_REORG_DEPTH))
    with psycopg.connect(embedded_database, autocommit=True) as connection:
        with daemon(environment, tmp_path / "first.log") as running:
            _wait_for_head(connection, chain, running)
            assert running.terminate().exit_code == 0

        chain.reorg(2, [[scenes.transfer_bytes(chain, 9), 1]])
        scenes.erc1155(chain)

        with daemon(environment, tmp_path / "second.log") as running:
            _wait_for_head(connection, chain, running)
            _assert_same(connection, chain)
            assert running.terminate().exit_code == 0


def test_daemon_at_a_reorg_deeper_than_allowed_stops_and_changes_nothing(
    embedded_database: str, anvil: Anvil, chain: Chain, tmp_path: Path
) -> None:
    scenes.erc20(chain)
    chain.mine(MAX_REORG_DEPTH)
    environment = settings(embedded_database, anvil, FOLLOW__MAX_REORG_DEPTH=str(MAX_REORG_DEPTH))
    with (
        daemon(environment, tmp_path / "daemon.log") as running,
        psycopg.connect(embedded_database, autocommit=True) as connection,
    ):
        _wait_for_head(connection, chain, running)
        before = node_truth.stored_rows(connection)
        chain.reorg(MAX_REORG_DEPTH + 1)
        stopped = running.wait()
        assert stopped.exit_code not in (0, -9), stopped.output
        assert node_truth.stored_rows(connection) == before


def _assert_same(connection: Connection[Any], chain: Chain) -> None:
    expected = node_truth.expected_rows(chain.web3, range(chain.head() + 1))
    assert len(expected["transactions"]) > 0
    found = node_truth.differences(node_truth.stored_rows(connection), expected)
    assert found == [], "\n".join(found[:40])


def _wait_for_head(connection: Connection[Any], chain: Chain, running: Daemon) -> None:
    """Until the newest stored block is the node's and coverage is one range from the genesis block."""
    number = chain.head()
    wanted = (number, _hash(chain, number), f"{{[0,{number + 1})}}")
    wait_until(
        lambda: connection.execute(_STORED_HEAD).fetchone() == wanted,
        f"block {number} is the stored head",
        running,
    )


_STORED_HEAD = """
SELECT b.number, b.hash, (SELECT range_agg(c.blocks)::text FROM chain.coverage AS c)
FROM chain.blocks AS b ORDER BY b.number DESC LIMIT 1
"""


def _hash(chain: Chain, number: int) -> bytes:
    return bytes(chain.web3.eth.get_block(number)["hash"])


def _one(connection: Connection[Any], query: str) -> Any:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]
