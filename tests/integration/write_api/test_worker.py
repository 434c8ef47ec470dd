"""The worker as a process: one at a time, through outages and kills; what it refreshes, forgets and sweeps."""

import os
import secrets
import signal
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.database import DatabaseServer
from tests.fork_server import WRITE_API, Spawned, spawn
from tests.integration.write_api.ledger import (
    Chain,
    Event,
    Sql,
    invest,
    investor,
    offer,
    one,
    state,
    superuser,
    totals,
    withdraw,
    worker_on,
)
from tests.integration.write_api.offices import KeyFolder, write_environment
from write_api.storage.keys import document_key
from write_api.working.summaries import refresh
from write_api.working.tidying import sweep, tidy
from write_api.working.worker import Worker

_WITHIN_S, _POLL_S = 30.0, 0.02
RUNS = "worker runs"

Process = Spawned


def started(dsn: str, keys: KeyFolder, log: Path, role: str = "pend_worker") -> Process:
    """`pend-write work` as an operator starts it."""
    environment = write_environment(
        dsn, keys, database__role=role, worker__settle_every_s=0.05, audit__seal_every_s=0.2
    )
    return spawn(WRITE_API, ("work",), environment, log)


def until(holds: Callable[[], bool], *logs: Path) -> None:
    deadline = time.monotonic() + _WITHIN_S
    while not holds():
        assert time.monotonic() < deadline, [log.read_text() for log in logs]
        time.sleep(_POLL_S)


def end_sessions(server: DatabaseServer, dsn: str) -> None:
    """All of the database's at once, as a crash of the server does."""
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        name = dsn.rpartition("/")[2]
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
        )


def test_a_second_worker_waits_and_neither_a_kill_nor_an_outage_loses_anything(
    embedded_home: DatabaseServer, embedded_database: str, key_folder: KeyFolder, tmp_path: Path
) -> None:
    logs = tmp_path / "first.log", tmp_path / "second.log"
    with superuser(embedded_database) as sql:
        chain, what = Chain(sql), offer(sql)
        people = [investor(sql) for _ in range(4)]
        legs = [invest(sql, who, what, "10") for who in people]
        first = started(embedded_database, key_folder, logs[0])
        processes = [first]
        try:
            until(lambda: RUNS in logs[0].read_text(), *logs)
            processes.append(second := started(embedded_database, key_folder, logs[1]))
            chain.block(Event(what.pool, people[0].wallet, "10"))
            until(lambda: state(sql, legs[0])[0] == "confirmed", *logs)
            os.kill(first.pid, signal.SIGKILL)
            chain.block(Event(what.pool, people[1].wallet, "10"))
            until(lambda: state(sql, legs[1])[0] == "confirmed", *logs)
            assert RUNS in logs[1].read_text()
            chain.block(Event(what.pool, people[2].wallet, "10"))
        except BaseException:
            _end(processes)
            raise
    try:
        end_sessions(embedded_home, embedded_database)
        until(lambda: "the database is away" in logs[1].read_text(), *logs)
        with superuser(embedded_database) as sql:
            chain = _resumed(sql)
            chain.block(Event(what.pool, people[3].wallet, "10"))
            until(lambda: [state(sql, leg)[0] for leg in legs] == ["confirmed"] * 4, *logs)
            assert totals(sql, what) == (40, 0, 4)
            assert (
                one(sql, "SELECT count(*) AS n FROM account.transactions WHERE status = 'confirmed'")["n"]
                == 4
            )
            until(lambda: one(sql, "SELECT count(*) AS n FROM account.audit_seals")["n"] > 0, *logs)
        second.send_signal(signal.SIGTERM)
        assert second.wait(_WITHIN_S) == 0
        assert logs[1].read_text().count(RUNS) == 2
    finally:
        _end(processes)


def _end(processes: list[Process]) -> None:
    for process in processes:
        process.kill()
        process.wait(10)


def _resumed(sql: Sql) -> Chain:
    """The chain as it stands in the database."""
    chain = Chain.__new__(Chain)
    rows = sql.execute("SELECT number, hash, timestamp FROM chain.blocks ORDER BY number").fetchall()
    chain.sql, chain.head, chain.decoded_to, chain.final = sql, rows[-1]["number"], None, None
    chain.begun, chain.hashes = rows[0]["timestamp"], {row["number"]: row["hash"] for row in rows}
    return chain


@pytest.mark.parametrize(
    ("role", "lost_key", "code", "said"),
    [("pend_worker", "the lost one", 11, "the lost one"), ("pend_writer", None, 9, "pend_worker for `work`")],
)
def test_what_no_task_could_do_without_is_said_at_the_start(
    role: str,
    lost_key: str | None,
    code: int,
    said: str,
    embedded_database: str,
    key_folder: KeyFolder,
    tmp_path: Path,
) -> None:
    with superuser(embedded_database) as sql:
        sql.execute(
            "INSERT INTO account.data_keys (purpose, wrapped, master_key_id) SELECT 'system', 'x', %s::text"
            " WHERE %s::text IS NOT NULL",
            (lost_key, lost_key),
        )
    log = tmp_path / "refused.log"
    process = started(embedded_database, key_folder, log, role)
    assert process.wait(_WITHIN_S) == code, log.read_text()
    assert said in log.read_text()
    assert RUNS not in log.read_text()


@pytest.fixture
async def worker(embedded_database: str, tmp_path: Path) -> AsyncIterator[Worker]:
    made = worker_on(embedded_database, tmp_path)
    async with made.sessions:
        yield made


async def stored(worker: Worker) -> str:
    """A file of some document."""

    async def content() -> AsyncIterator[bytes]:
        yield b"content"

    key = document_key(uuid4())
    await worker.storage.put(key, content())
    return key


def there(worker: Worker, key: str) -> bool:
    assert worker.storage.folder is not None
    return (worker.storage.folder / key).exists()


def document(sql: Sql, user: UUID, key: str, age: str) -> None:
    """A document that waits for its application."""
    data_key = one(
        sql,
        "INSERT INTO account.data_keys (purpose, user_id, wrapped, master_key_id) VALUES ('document', %s, 'x', 'm')"
        " RETURNING id",
        user,
    )["id"]
    sql.execute(
        "INSERT INTO account.kyc_documents (user_id, document_type, original_filename, stored_filename, file_size,"
        " mime_type, file_hash, data_key_id, uploaded_at)"
        " VALUES (%s, 'id', 'x', %s, 1, 'image/png', %s, %s, now() - %s::interval)",
        (user, key, secrets.token_bytes(32), data_key, age),
    )


async def test_what_is_over_is_forgotten_with_its_files(worker: Worker, embedded_database: str) -> None:
    old, new, erased = [await stored(worker) for _ in range(3)]
    with superuser(embedded_database) as sql:
        who = investor(sql)
        document(sql, who.id, old, "25 hours")
        document(sql, who.id, new, "23 hours")
        sql.execute(
            "INSERT INTO account.erasure_requests (user_id, erased_at, files_left) VALUES (%s, now(), %s)",
            (who.id, [erased]),
        )
        sql.execute(
            "INSERT INTO account.challenges (kind, secret, expires_at) VALUES"
            " ('phone', 'old', now() - interval '1 s'), ('phone', 'new', now() + interval '1 h')"
        )
        await tidy(worker)
        assert [there(worker, key) for key in (old, new, erased)] == [False, True, False]
        left = sql.execute("SELECT secret FROM account.challenges").fetchall()
        assert [row["secret"] for row in left] == [b"new"]
        assert one(sql, "SELECT files_left FROM account.erasure_requests")["files_left"] == []
        await tidy(worker)


async def test_files_without_a_row_go_after_a_day_and_no_others(
    worker: Worker, embedded_database: str
) -> None:
    named, nameless = await stored(worker), await stored(worker)
    with superuser(embedded_database) as sql:
        document(sql, investor(sql).id, named, "1 hour")
    now = datetime.now(UTC)
    assert await sweep(worker, "documents", now - timedelta(days=1)) == 0
    assert await sweep(worker, "documents", now + timedelta(days=1)) == 1
    assert (there(worker, named), there(worker, nameless)) == (True, False)


async def test_summaries_are_made_anew(worker: Worker, embedded_database: str) -> None:
    with superuser(embedded_database) as sql:
        chain, what, who = Chain(sql), offer(sql), investor(sql)
        leg = invest(sql, who, what, "25")
        chain.block(Event(what.pool, who.wallet, "25"))
        sql.execute("SELECT account.confirm_transaction(%s, 1, 0)", (leg,))
        withdraw(sql, leg, "5")
        await refresh(worker)
        row = one(sql, "SELECT * FROM account.asset_performance_summary WHERE id = %s", what.id)
        assert (row["total_invested"], row["total_investments"], row["funding_percentage"]) == (25, 1, 2.5)
        mine = one(sql, "SELECT * FROM account.user_portfolio_summary WHERE user_id = %s", who.id)
        assert mine["total_invested"] == 25
