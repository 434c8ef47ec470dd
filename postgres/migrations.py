"""Brings a database to the schema this code knows: plain SQL through yoyo, under an advisory lock.

Each file is applied and noted in one transaction, so that a crash leaves it whole or absent. Runs as
superuser or as a member of pend_owner; whatever it creates belongs to pend_owner.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from psycopg.sql import SQL, Identifier
from psycopg.sql import Literal as SqlLiteral

import migrations as files
from postgres import bootstrap
from postgres.bootstrap import Session
from postgres.capabilities import Capabilities, Home, queries
from postgres.connections import Connection
from postgres.errors import Fatal, LockTimeout, SchemaNewer, SchemaOutdated, translated
from postgres.yoyo_backend import Ledger

CHUNK_BLOCKS = 100_000
CHUNK_BLOCKS_MIN = 100
CHUNK_BLOCKS_MAX = 1_000_000_000
LOCK_TIMEOUT_S = 10.0
STATEMENT_TIMEOUT_S = 3600.0

Timescale = Literal["auto", "off"]


@dataclass(frozen=True, slots=True)
class MigrationStatus:
    """What the database holds against what the code knows."""

    applied: tuple[str, ...]
    pending: tuple[str, ...]
    unknown: tuple[str, ...]
    capabilities: Capabilities

    @property
    def is_current(self) -> bool:
        return not self.pending and not self.unknown


def migrate(
    dsn: str,
    *,
    chunk_blocks: int = CHUNK_BLOCKS,
    timescale: Timescale = "auto",
    lock_wait_s: float = 60.0,
    folder: Path = files.FOLDER,
) -> list[str]:
    """Apply what is pending, oldest first; the names of what was applied. Harmless to repeat.

    With TimescaleDB preloaded, the facts of a database without blocks become hypertables; one that
    holds blocks is left as it is until `convert_to_timescale`. Raises `SchemaNewer`,
    `PrivilegeMissing`, `LockTimeout`.
    """
    _require_chunk_blocks(chunk_blocks)
    with _locked_session(dsn, lock_wait_s) as session:
        known = known_migrations(folder)
        present = _applied(session)
        _refuse_newer(known, present)
        before = bootstrap.detect(session)
        wanted = timescale == "auto" and before.timescale_available is not None
        empty = not _has_blocks(session)
        bootstrap.prepare(session, extension=wanted and empty)
        applied = Ledger(session).apply(folder)
        if wanted and (empty or before.home is not Home.PLAIN):
            _partition(session, chunk_blocks)
        return applied


def status(dsn: str, *, folder: Path = files.FOLDER) -> MigrationStatus:
    """Compare, changing nothing."""
    with translated(), bootstrap.connect(dsn) as session:
        known, present = known_migrations(folder), _applied(session)
        return MigrationStatus(
            applied=tuple(present),
            pending=tuple(name for name in known if name not in present),
            unknown=tuple(name for name in present if name not in known),
            capabilities=bootstrap.detect(session),
        )


async def require_current(connection: Connection) -> None:
    """Refuse to work on another schema than the code's: `SchemaOutdated` or `SchemaNewer`."""
    known = known_migrations(files.FOLDER)
    present: list[str] = []
    with translated():
        if await queries.has_migrations.value(connection):
            present = [row["migration_id"] for row in await queries.select_migrations.many(connection)]
    _refuse_newer(known, present)
    pending = [name for name in known if name not in present]
    if pending:
        raise SchemaOutdated(pending)


def convert_to_timescale(
    dsn: str, *, chunk_blocks: int = CHUNK_BLOCKS, lock_wait_s: float = 60.0
) -> list[str]:
    """Install TimescaleDB and move the facts of a plain database into chunks; the facts moved.

    One transaction under exclusive locks: stop the services first. It needs room for a second copy.
    Raises `Fatal` when the server has no TimescaleDB, `SchemaOutdated` when migrations are pending.
    """
    _require_chunk_blocks(chunk_blocks)
    with _locked_session(dsn, lock_wait_s) as session:
        known, present = known_migrations(files.FOLDER), _applied(session)
        _refuse_newer(known, present)
        if pending := [name for name in known if name not in present]:
            raise SchemaOutdated(pending)
        if bootstrap.detect(session).timescale_available is None:
            raise Fatal(
                "this server has no TimescaleDB: install its package, add it to shared_preload_libraries,"
                " restart PostgreSQL, then run this again"
            )
        bootstrap.prepare(session, extension=True)
        return _partition(session, chunk_blocks)


def set_chunk_interval(dsn: str, blocks: int) -> list[str]:
    """Let chunks made from now on span `blocks`; the hypertables it holds for, none on a plain database."""
    _require_chunk_blocks(blocks)
    with _locked_session(dsn, LOCK_TIMEOUT_S) as session:
        bootstrap.prepare(session, extension=False)
        _reach_extension(session)
        return [row["fact"] for row in session.execute(queries.resize_chunks.sql, (blocks,))]


def known_migrations(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.sql"))


@contextmanager
def _locked_session(dsn: str, lock_wait_s: float) -> Iterator[Session]:
    with translated(), bootstrap.connect(dsn) as session:
        _set_timeouts(session, lock_s=lock_wait_s, statement_s=lock_wait_s + 1)
        with _naming_the_lock(lock_wait_s):
            session.execute(queries.lock_migrations.sql)
        _set_timeouts(session, lock_s=LOCK_TIMEOUT_S, statement_s=STATEMENT_TIMEOUT_S)
        yield session


@contextmanager
def _naming_the_lock(lock_wait_s: float) -> Iterator[None]:
    try:
        with translated():
            yield
    except LockTimeout as error:
        raise LockTimeout(
            f"another migration has held the lock of this database for {lock_wait_s:g} s;"
            " wait for it, or end its session (application_name pend-migrate)",
            sqlstate=error.sqlstate,
        ) from error


def _set_timeouts(session: Session, *, lock_s: float, statement_s: float) -> None:
    for name, seconds in (("lock_timeout", lock_s), ("statement_timeout", statement_s)):
        session.execute(SQL("SET {} = {}").format(Identifier(name), SqlLiteral(round(seconds * 1000))))


def _applied(session: Session) -> list[str]:
    row = session.execute(queries.has_migrations.sql).fetchone()
    if row is None or not any(row.values()):
        return []
    return [row["migration_id"] for row in session.execute(queries.select_migrations.sql)]


def _has_blocks(session: Session) -> bool:
    if not bootstrap.has_facts(session):
        return False
    row = session.execute(queries.has_blocks.sql).fetchone()
    return row is not None and row["exists"]


def _partition(session: Session, chunk_blocks: int) -> list[str]:
    _reach_extension(session)
    with session.transaction():
        session.execute(queries.partition_events.sql)
        return [row["fact"] for row in session.execute(queries.partition_facts.sql, (chunk_blocks,))]


def _reach_extension(session: Session) -> None:
    """chain.partition_facts() calls TimescaleDB's functions by bare name: they are where it was installed."""
    row = session.execute(queries.select_extension_schema.sql).fetchone()
    if row is not None:
        session.execute(SQL("SET search_path = pg_catalog, {}").format(Identifier(row["extnamespace"])))


def _refuse_newer(known: Sequence[str], present: Sequence[str]) -> None:
    if unknown := [name for name in present if name not in known]:
        raise SchemaNewer(unknown)


def _require_chunk_blocks(blocks: int) -> None:
    if not CHUNK_BLOCKS_MIN <= blocks <= CHUNK_BLOCKS_MAX:
        raise ValueError(
            f"a chunk of {blocks} blocks: choose between {CHUNK_BLOCKS_MIN} and {CHUNK_BLOCKS_MAX}"
        )
