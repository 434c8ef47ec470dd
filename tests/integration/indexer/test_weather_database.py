"""The database restarts, fails over, fills its disk, kills, locks and refuses: nothing is lost or doubled."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from devnet.chain import Devnet
from devnet.server import DevnetServer
from evm.consensus import Consensus
from tests.database import DatabaseServer, refuse_or_skip
from tests.integration.indexer.daemons import daemon, fills, follows
from tests.integration.indexer.histories import truth_of
from tests.integration.indexer.weather import base_backup, counts, own_database, shows, tiny_disk
from tests.invariants import hold_at_every_commit
from tests.oracle import assert_holds_chain, digests, value
from tests.processes import Running, environment, eventually, pend_index

DEPTH = 8


@pytest.fixture
async def server() -> AsyncIterator[DevnetServer]:
    devnet = Devnet(51, Consensus.CLIQUE, history_blocks=120, transactions_per_block=2)
    async with DevnetServer(devnet) as started:
        yield started


async def assert_whole(dsn: str, server: DevnetServer, oracle: DatabaseServer) -> None:
    await assert_holds_chain(dsn, server.devnet)
    assert await digests(dsn) == await truth_of(server, oracle)


@pytest.mark.parametrize("how", ["restart", "crash"])
async def test_server_restarted_while_following_is_waited_for(
    how: str, tmp_path: Path, embedded_home: DatabaseServer, server: DevnetServer
) -> None:
    async with own_database(tmp_path) as own:
        await hold_at_every_commit(own.direct)
        async with daemon(own.dsn, server, ws=True, follow__max_reorg_depth=DEPTH) as running:
            await fills(running, own.direct)
            for round_ in range(1, 3):
                server.devnet.advance(2)
                await (own.restart() if how == "restart" else own.crash())
                server.devnet.reorg(2)
                await counts(running, "database_errors_total", "unavailable", at_least=round_)
                await follows(running, own.direct, server)
                await shows(running, database_up=1)
        await assert_whole(own.direct, server, embedded_home)


@pytest.mark.parametrize("how", ["restart", "crash"])
async def test_server_restarted_while_backfilling_is_waited_for(
    how: str, tmp_path: Path, embedded_home: DatabaseServer, server: DevnetServer
) -> None:
    async with own_database(tmp_path) as own:
        await hold_at_every_commit(own.direct)
        env = environment(
            own.dsn,
            server.http_url,
            backfill__segment_blocks=40,
            backfill__commit_rows=1,
            node__batch_blocks_max=2,
            node__retry_deadline_s=60,
        )
        async with pend_index("backfill", "--from-block", "0", "--workers", "2", env=env) as running:
            for stored in (8, 40):
                await running.until(lambda: reaches(own.direct, stored), f"{stored} blocks are stored")  # noqa: B023
                await (own.restart() if how == "restart" else own.crash())
            finished = await running.finished()
        assert finished.code == 0, finished.output
        assert "segment waits" in finished.stderr
        await assert_whole(own.direct, server, embedded_home)


async def reaches(dsn: str, blocks: int) -> bool:
    try:
        stored = await value(dsn, "SELECT count(*) FROM chain.blocks")
    except (asyncpg.PostgresError, OSError):
        return False
    assert isinstance(stored, int)
    return stored >= blocks


async def test_failover_to_a_standby_that_is_behind_is_waited_for_and_caught_up(
    tmp_path: Path, embedded_home: DatabaseServer, server: DevnetServer
) -> None:
    """Blocks whose commit the standby never received come again from the node."""
    async with own_database(tmp_path) as own:
        standby = base_backup(own.server, tmp_path / "standby")
        standby.start()
        try:
            replica = standby.dsn("pend")
            async with daemon(own.dsn, server, follow__max_reorg_depth=DEPTH) as running:
                await fills(running, own.direct)
                await eventually(lambda: reaches(replica, 121), "the standby has received the blocks")
                await value(replica, "SELECT pg_wal_replay_pause()")
                server.devnet.advance(4)
                await follows(running, own.direct, server)
                primary = own.server
                await own.lead_to(standby)
                primary.stop()
                server.devnet.advance(2)
                # A connection that only reads works: the standby refuses the first write (25006).
                await shows(running, database_up=0)
                await running.says("read-only transaction")
                assert await value(replica, "SELECT count(*) FROM chain.blocks") == 121
                # Not waited for within a query: its snapshot would hold up what is still to be replayed.
                await value(replica, "SELECT pg_promote(false)")
                await follows(running, replica, server)
                await shows(running, database_up=1)
            await assert_whole(replica, server, embedded_home)
        finally:
            standby.stop()


async def test_disk_full_stores_nothing_and_goes_on_when_there_is_room(
    tmp_path: Path, embedded_home: DatabaseServer, server: DevnetServer
) -> None:
    try:
        async with own_database(tmp_path) as own, tiny_disk(tmp_path / "disk", 16) as disk:
            admin = await asyncpg.connect(own.direct, database="pend")
            await admin.execute(f"CREATE TABLESPACE tiny LOCATION '{disk}'")
            await admin.execute("ALTER TABLE chain.logs SET TABLESPACE tiny")
            await admin.close()
            await hold_at_every_commit(own.direct)
            async with daemon(own.dsn, server, follow__max_reorg_depth=DEPTH) as running:
                await fills(running, own.direct)
                ballast = disk / "ballast"
                fill_up(ballast)
                stored = await value(own.direct, "SELECT count(*) FROM chain.blocks")
                server.devnet.advance(200)
                await counts(running, "database_errors_total", "disk_full", at_least=2)
                await shows(running, database_up=0)
                held = await value(own.direct, "SELECT held.violation()")
                assert held is None
                ballast.unlink()
                await follows(running, own.direct, server)
                await shows(running, database_up=1)
            assert await value(own.direct, "SELECT count(*) FROM chain.blocks") == int(str(stored)) + 200
            await assert_whole(own.direct, server, embedded_home)
    except PermissionError as error:
        refuse_or_skip("a full disk", f"only root may mount a small file system: {error}")


def fill_up(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


async def test_backend_killed_in_the_middle_of_copy_leaves_nothing_and_is_repeated(
    database: str, embedded_home: DatabaseServer, server: DevnetServer
) -> None:
    await hold_at_every_commit(database)
    admin = await asyncpg.connect(database)
    async with daemon(database, server, follow__max_reorg_depth=DEPTH) as running:
        await fills(running, database)
        # The second transaction of a block waits within its COPY for a lock of ours.
        await admin.execute(
            "CREATE FUNCTION held.pause() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN PERFORM pg_advisory_xact_lock_shared(4711); RETURN NEW; END $$;"
            "CREATE TRIGGER pause BEFORE INSERT ON chain.transactions FOR EACH ROW"
            " WHEN (NEW.transaction_index = 1) EXECUTE FUNCTION held.pause()"
        )
        await admin.execute("SELECT pg_advisory_lock(4711)")
        before = await digests(database)
        server.devnet.advance(6)
        for _ in range(3):
            killed = await paused_in_copy(running, admin)
            assert await admin.fetchval("SELECT pg_terminate_backend($1, 5000)", killed)
            assert await digests(database) == before, "nothing of the block was stored"
        await admin.execute("SELECT pg_advisory_unlock(4711)")
        await follows(running, database, server)
        await counts(running, "database_errors_total", "unavailable", at_least=3)
        await shows(running, database_up=1)
    await admin.close()
    await assert_whole(database, server, embedded_home)


async def paused_in_copy(running: Running, admin: asyncpg.Connection) -> int:
    """The pid of the follower's backend, once it waits within its COPY."""
    found: list[int] = []

    async def pauses() -> bool:
        found[:] = [
            row["pid"]
            for row in await admin.fetch(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY %transactions%'"
                " AND wait_event_type = 'Lock' AND wait_event = 'advisory' AND state = 'active'"
            )
        ]
        return bool(found)

    await running.until(pauses, "a COPY waits in its middle")
    return found[0]


async def test_chain_state_locked_by_somebody_is_waited_for_within_the_lock_timeout(
    embedded_database: str, embedded_home: DatabaseServer, server: DevnetServer
) -> None:
    admin = await asyncpg.connect(embedded_database)
    async with daemon(
        embedded_database, server, follow__max_reorg_depth=DEPTH, database__lock_timeout_s=0.3
    ) as running:
        await fills(running, embedded_database)
        async with admin.transaction():
            await admin.execute("SELECT FROM chain.chain_state FOR UPDATE")
            server.devnet.advance(3)
            await counts(running, "database_errors_total", "lock_timeout", at_least=2)
            await shows(running, node_up=1)
        await follows(running, embedded_database, server)
        await shows(running, database_up=1)
    await admin.close()
    await assert_whole(embedded_database, server, embedded_home)


async def test_server_without_free_connections_is_waited_for(
    embedded_database: str, embedded_home: DatabaseServer, server: DevnetServer
) -> None:
    """The login may open none for a while: the same SQLSTATE as a server whose slots are all taken."""
    admin = await asyncpg.connect(embedded_database)
    login = f"pend_login_{uuid.uuid4().hex[:8]}"
    await admin.execute(f"CREATE ROLE {login} LOGIN PASSWORD 'x' IN ROLE pend_indexer")
    dsn = embedded_home.dsn_of(embedded_database.rpartition("/")[2], user=login, password="x")
    try:
        async with daemon(
            dsn, server, follow__max_reorg_depth=DEPTH, database__role="pend_indexer"
        ) as running:
            await fills(running, embedded_database)
            await admin.execute(f"ALTER ROLE {login} CONNECTION LIMIT 0")
            await admin.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = $1", login
            )
            server.devnet.advance(3)
            await shows(running, database_up=0)
            await running.says("too many connections")
            await counts(running, "database_errors_total", "unavailable", at_least=2)
            await admin.execute(f"ALTER ROLE {login} CONNECTION LIMIT -1")
            await follows(running, embedded_database, server)
            await shows(running, database_up=1)
        await assert_whole(embedded_database, server, embedded_home)
    finally:
        await eventually(lambda: is_gone(admin, login), "the daemon's connections are gone")
        await admin.execute(f"DROP OWNED BY {login}; DROP ROLE {login}")
        await admin.close()


async def is_gone(admin: asyncpg.Connection, login: str) -> bool:
    return not await admin.fetchval("SELECT count(*) FROM pg_stat_activity WHERE usename = $1", login)


async def test_default_read_only_server_is_an_outage_not_an_end(
    embedded_database: str, embedded_home: DatabaseServer, server: DevnetServer
) -> None:
    admin = await asyncpg.connect(embedded_database)
    name = embedded_database.rpartition("/")[2]
    async with daemon(embedded_database, server, follow__max_reorg_depth=DEPTH) as running:
        await fills(running, embedded_database)
        await admin.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        await admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        server.devnet.advance(2)
        await shows(running, database_up=0)
        await admin.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
        await follows(running, embedded_database, server)
        await shows(running, database_up=1)
    await admin.close()
    await assert_whole(embedded_database, server, embedded_home)
