"""The seal of the audit trail: whatever is changed, removed or put in shows; what nobody touched does not."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import asyncpg
import msgspec
import psycopg
import pytest

from postgres.connections import OwnConnection
from tests.integration.write_api.offices import KeyFolder, command
from write_api import audit_anchors
from write_api.audit_anchors import Anchor, AnchorsDisagree
from write_api.encryption.master_keys import FileKeys
from write_api.settings import WriteSettings
from write_api.storage.objects import open_folder
from write_api.verifying_audit import verify
from write_api.working import sealing
from write_api.working.worker import Worker, open_sessions

_INSERT = (
    "INSERT INTO account.admin_audit_logs (actor, action, resource_type) VALUES ('system', 'read', 'test')"
)


@dataclass(slots=True)
class Trail:
    """A database of its own, its superuser, the worker and the file of anchors."""

    dsn: str
    sql: OwnConnection
    worker: Worker
    settings: WriteSettings

    @property
    def anchors(self) -> Path:
        return self.settings.audit.anchor_file

    async def write(self, rows: int) -> None:
        for _ in range(rows):
            await self.sql.execute(_INSERT)

    async def seal(self, rows: int = 0) -> int:
        await self.write(rows)
        return await sealing.seal(self.worker)

    async def tamper(self, statement: str) -> None:
        """As somebody who may do everything with the database."""
        async with self.sql.transaction():
            await self.sql.execute("SET LOCAL session_replication_role = replica")
            assert await self.sql.execute(statement) not in {"UPDATE 0", "DELETE 0", "INSERT 0 0"}

    async def findings(self, unsealed: float = 600) -> list[str]:
        found: list[str] = []
        await verify(self.settings, timedelta(seconds=unsealed), lambda each: found.append(str(each)))
        return found

    async def id_of(self, number: int) -> int:
        return int(
            await self.sql.fetchval("SELECT id FROM account.admin_audit_logs ORDER BY id OFFSET $1", number)
        )


@pytest.fixture
async def trail(embedded_database: str, key_folder: KeyFolder, tmp_path: Path) -> AsyncIterator[Trail]:
    """Three seals of four rows each."""
    settings = WriteSettings.model_validate(
        {
            "database": {"dsn": embedded_database},
            "encryption": {"keys_file": key_folder.folder / "master.json"},
            "audit": {"anchor_file": tmp_path / "anchors.jsonl"},
        }
    )
    working = settings.model_copy(
        update={"database": settings.database.model_copy(update={"role": "pend_worker"})}
    )
    keys = FileKeys(settings.encryption.keys_file)
    sql = await asyncpg.connect(embedded_database)
    async with open_sessions(working) as sessions:
        found = Trail(
            embedded_database, sql, Worker(working, sessions, open_folder(tmp_path), keys), settings
        )
        for _ in range(3):
            await found.seal(4)
        yield found
    await sql.close()


async def test_sealed_trail_is_whole(trail: Trail) -> None:
    assert await trail.findings(0) == []
    assert (
        await trail.sql.fetchval("SELECT count(*) FROM account.audit_seals WHERE anchored_at IS NOT NULL")
        == 3
    )
    assert [each.number for each in audit_anchors.read(trail.anchors, 10**6) if isinstance(each, Anchor)] == [
        1,
        2,
        3,
    ]
    assert await trail.seal() == 0  # nothing to do makes nothing
    assert await trail.sql.fetchval("SELECT count(*) FROM account.audit_seals") == 3


@pytest.mark.parametrize(
    ("number", "statement", "fault"),
    [
        (5, "UPDATE account.admin_audit_logs SET action = 'update' WHERE id = {id}", "row {id}: was altered"),
        (
            5,
            "UPDATE account.admin_audit_logs SET timestamp = timestamp + interval '1 us' WHERE id = {id}",
            "row {id}: was altered",
        ),
        (6, "DELETE FROM account.admin_audit_logs WHERE id = {id}", "row {id}: was removed"),
        (11, "DELETE FROM account.admin_audit_logs WHERE id = {id}", "row {id}: was removed"),
    ],
)
async def test_altered_and_removed_rows_are_named(
    number: int, statement: str, fault: str, trail: Trail
) -> None:
    id_ = await trail.id_of(number)
    await trail.tamper(statement.format(id=id_))
    (found,) = await trail.findings()
    assert found.startswith(fault.format(id=id_))


async def test_gaps_of_what_was_rolled_back_are_no_finding_and_cannot_be_filled_later(trail: Trail) -> None:
    transaction = trail.sql.transaction()
    await transaction.start()
    await trail.write(3)
    await transaction.rollback()
    await trail.seal(2)
    assert await trail.findings(0) == []
    gap = await trail.id_of(11) + 2
    await trail.tamper(
        "INSERT INTO account.admin_audit_logs (id, actor, action, resource_type) OVERRIDING SYSTEM VALUE"
        f" VALUES ({gap}, 'admin', 'update', 'users')"
    )
    assert await trail.findings() == [f"row {gap}: was inserted after its time"]


async def test_altered_and_removed_seals_are_named(trail: Trail) -> None:
    await trail.tamper("UPDATE account.audit_seals SET row_hashes[2] = sha256('x') WHERE number = 2")
    found = await trail.findings()
    assert "seal 2: was altered: its hash is not that of its rows" in found
    await trail.tamper("DELETE FROM account.audit_seals WHERE number = 2")
    found = await trail.findings()
    assert found[0] == "seal 2: was removed"
    assert all(each.startswith("seal 2") for each in found)


async def test_rewritten_chain_is_not_the_anchored_one(trail: Trail) -> None:
    """Who may do everything with the database makes row, seal and chain fit one another."""
    id_ = await trail.id_of(9)
    await trail.tamper(f"UPDATE account.admin_audit_logs SET action = 'update' WHERE id = {id_}")
    await trail.tamper(
        "UPDATE account.audit_seals AS s SET row_hashes = (SELECT array_agg(sha256(convert_to(account.audit_text(l), 'UTF8'))"
        " ORDER BY l.id) FROM account.admin_audit_logs AS l WHERE l.id = ANY (s.row_ids)) WHERE number = 3"
    )
    await trail.tamper(
        "UPDATE account.audit_seals SET hash = account.seal_hash(previous_hash, number, row_ids, row_hashes) WHERE number = 3"
    )
    assert await trail.findings() == ["seal 3: is not the one that was anchored"]


async def test_end_that_was_cut_off_is_found_by_the_anchors(trail: Trail) -> None:
    id_ = await trail.id_of(7)
    await trail.tamper("DELETE FROM account.audit_seals WHERE number = 3")
    await trail.tamper(f"DELETE FROM account.admin_audit_logs WHERE id > {id_}")
    assert await trail.findings() == ["seal 3: was removed: it is anchored, and not where it was"]


async def test_false_and_missing_anchors_are_named(trail: Trail) -> None:
    lines = trail.anchors.read_bytes().splitlines(keepends=True)
    forged = msgspec.json.decode(lines[1], type=Anchor)
    false = msgspec.structs.replace(forged, hash="00" * 32)
    trail.anchors.write_bytes(lines[0] + msgspec.json.encode(false) + b"\n" + lines[2])
    assert await trail.findings() == ["anchor 2: is false: the key store did not sign it"]
    trail.anchors.write_bytes(lines[0] + lines[2])
    assert await trail.findings() == []  # too young to be missed
    assert await trail.findings(0) == ["anchor 2: is missing"]
    trail.anchors.write_bytes(b"".join([*lines, b"nothing\n", b"more\n"]))
    assert await trail.findings() == ["anchor file: line 4 is no anchor", "anchor file: line 5 is no anchor"]


async def test_rows_that_nobody_seals_are_found_by_their_age(trail: Trail) -> None:
    await trail.write(2)
    assert await trail.findings() == []
    first = await trail.id_of(12)
    (found,) = await trail.findings(0)
    assert found.startswith(f"rows {first} to {first + 1}: not sealed")


async def test_sealing_goes_on_after_a_crash_at_any_point(
    trail: Trail, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as broken:  # sealed, and never anchored
        broken.setattr(sealing, "append", dies)
        with pytest.raises(OSError, match="full"):
            await trail.seal(2)
    assert await trail.seal() == 0
    assert await trail.findings(0) == []
    await trail.seal(2)  # anchored, and the database does not know; the line half written as well
    await trail.tamper("UPDATE account.audit_seals SET anchored_at = NULL WHERE number = 5")
    assert await trail.seal() == 0
    await trail.tamper("UPDATE account.audit_seals SET anchored_at = NULL WHERE number = 5")
    whole = trail.anchors.read_bytes()
    trail.anchors.write_bytes(whole[:-40])
    assert await trail.findings() == []  # a torn line is what a crash leaves
    assert await trail.seal() == 0
    assert await trail.findings(0) == []
    assert trail.anchors.read_bytes().endswith(whole.splitlines(keepends=True)[-1])


async def test_other_history_under_the_same_numbers_is_not_anchored(trail: Trail) -> None:
    await trail.tamper(
        "UPDATE account.audit_seals SET anchored_at = NULL, hash = sha256('other') WHERE number = 3"
    )
    before = trail.anchors.read_bytes()
    with pytest.raises(AnchorsDisagree, match="another seal 3"):
        await trail.seal()
    assert trail.anchors.read_bytes() == before


async def test_sealing_beside_writers_misses_nothing(trail: Trail) -> None:
    written = 0

    async def writer(rolls_back: Callable[[int], bool]) -> None:
        nonlocal written
        connection = await asyncpg.connect(trail.dsn)
        for number in range(40):
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute(_INSERT)
            await asyncio.sleep(0.001 * (number % 4))
            if rolls_back(number):
                await transaction.rollback()
            else:
                await transaction.commit()
                written += 1
        await connection.close()

    writers = asyncio.gather(*(writer(lambda number, at=at: number % 5 == at) for at in range(4)))  # type: ignore[misc]
    sealed = 0
    while not writers.done():
        sealed += await sealing.seal(trail.worker)
        await asyncio.sleep(0.005)
    await writers
    sealed += await trail.seal()
    assert sealed == written == 4 * 32
    assert await trail.findings(0) == []


async def test_command_ends_with_1_for_a_finding(trail: Trail, key_folder: KeyFolder) -> None:
    id_ = await trail.id_of(3)
    await trail.tamper(f"DELETE FROM account.admin_audit_logs WHERE id = {id_}")
    done = await asyncio.to_thread(
        command, trail.dsn, key_folder, "audit", "verify", audit__anchor_file=trail.anchors
    )
    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines() == [
        f"row {id_}: was removed since it was sealed (seal 1)",
        "11 rows, 3 seals, 3 anchors: 1 findings",
    ]


def test_worker_alone_seals(embedded_database: str) -> None:
    with psycopg.connect(embedded_database, autocommit=True) as connection:
        for role in ("pend_writer", "pend_explorer"):
            connection.execute(f"SET ROLE {role}")
            for call in ("account.audit_horizon()", "account.seal_audit(1, 1)", "account.seal_anchored(1)"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(f"SELECT {call}")
