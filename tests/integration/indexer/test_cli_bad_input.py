"""Bad input: one clear message, the documented exit code, nothing written (issue 2, Bad input)."""

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from devnet.chain import Devnet
from devnet.server import DevnetServer
from indexer.errors import EXIT_CODES
from indexer.settings import IndexerSettings
from postgres import children
from service.settings import fields_of
from tests.database import DatabaseServer
from tests.oracle import digests, index_once
from tests.processes import Finished, environment, run_pend_index

HEAD = 20


@pytest.fixture
async def server() -> AsyncIterator[DevnetServer]:
    async with DevnetServer(Devnet(3, history_blocks=HEAD, transactions_per_block=1)) as started:
        yield started


def refused(finished: Finished, code: int, *parts: str) -> None:
    """The command ended with `code` and one message that holds every part, and no traceback."""
    assert finished.code == code, finished.output
    assert code in EXIT_CODES
    assert "Traceback" not in finished.output, finished.output
    for part in parts:
        assert part in finished.stderr, f"{part!r} is missing in:\n{finished.stderr}"


async def assert_empty(dsn: str) -> None:
    """Nothing was written: no row in any table."""
    held = await digests(dsn, history=True)
    assert {table: digest for table, digest in held.items() if not digest.startswith("0 ")} == {}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["backfill"], ["--from-block"]),
        (["backfill", "--from-block", "-1"], ["--from-block", "-1", "x>=0"]),
        (["backfill", "--from-block", "ten"], ["--from-block", "'ten'", "integer"]),
        (["backfill", "--from-block", "5", "--to-block", "-2"], ["--to-block", "-2", "x>=0"]),
        (["backfill", "--from-block", "5", "--to-block", "4"], ["--to-block 4", "--from-block 5", "swap"]),
        (["backfill", "--from-block", "0", "--workers", "65"], ["backfill.workers = 65", "0 to 64"]),
        (["backfill", "--from-block", "0", "--verify", "half"], ["--verify", "half", "light", "full"]),
        (["backfill", "--from-bloc", "0"], ["--from-bloc", "Did you mean", "--from-block"]),
        (["backfil"], ["backfil", "Did you mean", "backfill"]),
        (["run", "--once"], ["--once"]),
        (["--config", "/nonexistent.toml", "run"], ["/nonexistent.toml", "No such file"]),
    ],
    ids=" ".join,
)
async def test_command_line_out_of_range_is_refused(
    arguments: list[str], named: list[str], embedded_database: str, server: DevnetServer
) -> None:
    finished = await run_pend_index(*arguments, env=environment(embedded_database, server.http_url))
    refused(finished, 2, *named)
    await assert_empty(embedded_database)


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (["--from-block", "5", "--to-block", str(HEAD + 1)], f"blocks 5 to {HEAD + 1}"),
        (["--from-block", str(HEAD + 1)], f"{HEAD + 1}"),
        (["--from-block", "0", "--to-block", str(2**64)], f"blocks 0 to {2**64}"),
    ],
    ids=["end above", "start above", "beyond 64 bits"],
)
async def test_backfill_above_head_is_refused_and_writes_nothing(
    arguments: list[str], asked: str, embedded_database: str, server: DevnetServer
) -> None:
    finished = await run_pend_index(
        "backfill", *arguments, env=environment(embedded_database, server.http_url)
    )
    refused(finished, 2, asked, f"the node's head is {HEAD}", "up to the head")
    await assert_empty(embedded_database)


async def test_settings_all_out_of_range_are_all_named_at_once(embedded_database: str) -> None:
    wrong = {
        key: "-1"
        for key, field in fields_of(IndexerSettings)
        if field.annotation in (int, float) and field.metadata
    }
    env = environment(embedded_database, "http://127.0.0.1:1") | {
        f"PEND_{key.replace('.', '__').upper()}": value for key, value in wrong.items()
    }
    finished = await run_pend_index("run", env=env)
    refused(finished, 2, f"{len(wrong)} faults", *(f"{key} = -1 is out of range; allowed: " for key in wrong))
    assert len(wrong) > 15


async def test_config_file_with_three_faults_names_all_three_in_one_message(tmp_path: Path) -> None:
    path = tmp_path / "pend.toml"
    path.write_text(
        '[database]\ndsn = "postgresql://someone:hunter2@db.example/pend"\npool_size_max = 0\n'
        '[node]\nurls = ["ftp://node.example"]\n'
        "[follow]\nmax_reorg_deph = 3\n"
    )
    finished = await run_pend_index("--config", str(path), "run", env={})
    refused(
        finished,
        2,
        "3 faults",
        "database.pool_size_max = 0 is out of range; allowed: an integer from 2 to 100",
        "node.urls",
        "ftp://node.example",
        "follow.max_reorg_deph is not a setting; did you mean follow.max_reorg_depth?",
        str(path),
    )
    assert "hunter2" not in finished.output


async def test_metrics_port_in_use_is_refused(embedded_database: str, server: DevnetServer) -> None:
    taken = server.http_url.rpartition(":")[2]
    env = environment(embedded_database, server.http_url, metrics__port=taken)
    refused(await run_pend_index("run", env=env), 2, f"127.0.0.1:{taken}", "metrics.port")
    await assert_empty(embedded_database)


async def test_backfill_with_node_unreachable_is_refused(embedded_database: str) -> None:
    port = children.free_port()
    env = environment(embedded_database, f"http://user:hunter2@127.0.0.1:{port}")
    finished = await run_pend_index("backfill", "--from-block", "0", env=env)
    refused(finished, 3, f"127.0.0.1:{port}", "cannot be reached", "check that it runs")
    assert "hunter2" not in finished.output
    await assert_empty(embedded_database)


@pytest.mark.parametrize(
    ("foreign", "command"),
    [("genesis", ["backfill", "--from-block", "0"]), ("genesis", ["run"]), ("chain id", ["run"])],
    ids=["genesis, backfill", "genesis, run", "chain id, run"],
)
async def test_foreign_node_is_refused_and_nothing_changes(
    foreign: str, command: list[str], embedded_database: str, server: DevnetServer
) -> None:
    await index_once(embedded_database, server.http_url, 0, 5)
    before = await digests(embedded_database, history=True)
    other = Devnet(4) if foreign == "genesis" else Devnet(3, chain_id=99)
    async with DevnetServer(other) as elsewhere:
        finished = await run_pend_index(*command, env=environment(embedded_database, elsewhere.http_url))
    values = (
        [f"0x{chain.genesis.hash.hex()}" for chain in (server.devnet, other)]
        if foreign == "genesis"
        else ["1337", "chain id 99"]
    )
    refused(finished, 5, elsewhere.http_url.removeprefix("http://"), *values, "database")
    assert await digests(embedded_database, history=True) == before


async def test_second_endpoint_of_another_network_is_refused_and_writes_nothing(
    embedded_database: str, server: DevnetServer
) -> None:
    async with DevnetServer(Devnet(4, history_blocks=3)) as elsewhere:
        env = environment(embedded_database, f"{server.http_url},{elsewhere.http_url}")
        finished = await run_pend_index("backfill", "--from-block", "0", env=env)
    refused(finished, 5, elsewhere.http_url.removeprefix("http://"))
    await assert_empty(embedded_database)


async def test_database_unreachable_is_said(server: DevnetServer) -> None:
    port = children.free_port()
    env = environment(f"postgresql://someone:hunter2@127.0.0.1:{port}/pend", server.http_url)
    finished = await run_pend_index("backfill", "--from-block", "0", env=env)
    refused(finished, 4, "database unreachable", "127.0.0.1", str(port))
    assert "hunter2" not in finished.output


async def test_database_absent_is_said(embedded_home: DatabaseServer, server: DevnetServer) -> None:
    env = environment(embedded_home.dsn_of("no_such_database"), server.http_url)
    for command in (["run"], ["db", "migrate"]):
        refused(await run_pend_index(*command, env=env), 4, "no_such_database", "does not exist")


@pytest.fixture
def stranger(embedded_home: DatabaseServer, embedded_database: str) -> Iterator[str]:
    """The DSN of a login that may connect to the migrated database and nothing more."""
    role = Identifier(f"stranger_{uuid.uuid4().hex[:8]}")
    with psycopg.connect(embedded_home.dsn, autocommit=True) as connection:
        connection.execute(SQL("CREATE ROLE {} LOGIN PASSWORD 'hunter2'").format(role))
        try:
            name = embedded_database.rpartition("/")[2]
            yield embedded_home.dsn_of(name, user=role._obj[0], password="hunter2")
        finally:
            connection.execute(SQL("DROP ROLE {}").format(role))


@pytest.mark.parametrize("command", [["backfill", "--from-block", "0"], ["run"]], ids=" ".join)
async def test_database_without_privileges_is_refused(
    command: list[str], stranger: str, embedded_database: str, server: DevnetServer
) -> None:
    finished = await run_pend_index(*command, env=environment(stranger, server.http_url))
    refused(finished, 9, "permission denied")
    assert "hunter2" not in finished.output
    await assert_empty(embedded_database)


async def test_role_that_only_reads_may_not_backfill(embedded_database: str, server: DevnetServer) -> None:
    env = environment(embedded_database, server.http_url, database__role="pend_explorer")
    refused(await run_pend_index("backfill", "--from-block", "0", env=env), 9, "permission denied")
    await assert_empty(embedded_database)


@pytest.mark.parametrize("command", [["backfill", "--from-block", "0"], ["run"]], ids=" ".join)
async def test_database_not_migrated_is_refused(
    command: list[str], embedded_home: DatabaseServer, server: DevnetServer
) -> None:
    dsn = embedded_home.create()
    try:
        finished = await run_pend_index(*command, env=environment(dsn, server.http_url))
    finally:
        embedded_home.drop(dsn)
    refused(finished, 8, "0001_chain", "pend-index db migrate")


@pytest.mark.parametrize(
    "command",
    [["backfill", "--from-block", "0"], ["run"], ["db", "migrate"], ["db", "status"]],
    ids=" ".join,
)
async def test_schema_newer_than_code_is_refused(
    command: list[str], embedded_database: str, server: DevnetServer
) -> None:
    with psycopg.connect(embedded_database, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO ops.migrations (migration_hash, migration_id) VALUES ('x', '9999_from_the_future')"
        )
    finished = await run_pend_index(*command, env=environment(embedded_database, server.http_url))
    refused(finished, 8)
    assert "9999_from_the_future" in finished.output
    assert "version" in finished.stderr
    await assert_empty(embedded_database)


async def test_status_with_node_away_reports_what_is_stored(
    embedded_database: str, server: DevnetServer
) -> None:
    await index_once(embedded_database, server.http_url, 0, 5)
    finished = await run_pend_index("status", env=environment(embedded_database, "http://127.0.0.1:1"))
    assert finished.code == 0
    assert "indexed to   5" in finished.stdout
    assert "cannot be reached" in finished.stdout
