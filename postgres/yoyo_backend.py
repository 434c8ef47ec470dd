"""yoyo-migrations on one session of ours, its bookkeeping in schema ops.

Three differences from its own backend: a migration and its mark commit together, the lock is ours (an
advisory one, which a killed process cannot leave behind), and it asks neither DNS nor the password file.
"""

import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Identifier
from yoyo import read_migrations
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.connections import parse_uri

from postgres.bootstrap import ROLES, Session

SCHEMA = "ops"
TABLE = "migrations"


class Ledger:
    """The migrations a database holds; applies more of them."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def apply(self, folder: Path) -> list[str]:
        """Apply and note each pending file in its own transaction; names in the order applied."""
        self._session.execute(SQL("CREATE SCHEMA IF NOT EXISTS {}").format(Identifier(SCHEMA)))
        backend = _Backend(self._session)
        backend.ensure_internal_schema_updated()
        self._let_services_read()
        applied = []
        files = read_migrations(str(folder)).filter(lambda migration: migration.is_raw_sql())
        for migration in backend.to_apply(files):
            migration.load()
            if migration.use_transactions:
                with backend.transaction():
                    migration.process_steps(backend, "apply")
                    backend.mark_one(migration)
            else:
                # `-- transactional: false`, for CREATE INDEX CONCURRENTLY: must be harmless to repeat.
                migration.process_steps(backend, "apply")
                with backend.transaction():
                    backend.mark_one(migration)
            applied.append(str(migration.id))
        return applied

    def _let_services_read(self) -> None:
        services = SQL(", ").join(Identifier(role) for role in ROLES[1:])
        schema, table = Identifier(SCHEMA), Identifier(SCHEMA, TABLE)
        self._session.execute(SQL("GRANT USAGE ON SCHEMA {} TO {}").format(schema, services))
        self._session.execute(SQL("GRANT SELECT ON {} TO {}").format(table, services))


class _Backend(PostgresqlPsycopgBackend):  # type: ignore[misc] # yoyo ships no types
    log_table = "migration_log"
    version_table = "migration_tool_version"
    schema = SCHEMA
    _is_locked = True

    def __init__(self, session: Session) -> None:
        self._session = session
        super().__init__(parse_uri("postgresql+psycopg:///"), TABLE)  # the session is already open

    def connect(self, _uri: str) -> Session:
        self.schema = SCHEMA
        return self._session

    def cursor(self) -> psycopg.Cursor[Any]:
        return psycopg.Cursor(self._session, row_factory=tuple_row)  # yoyo reads rows as tuples and writes %s

    def get_log_data(self, migration: Any = None, operation: str = "apply") -> dict[str, Any]:
        return {
            "id": str(uuid.uuid4()),
            "migration_id": migration.id if migration else None,
            "migration_hash": migration.hash if migration else None,
            "username": self._session.info.user,
            "hostname": None,
            "created_at_utc": datetime.now(UTC).replace(tzinfo=None),
            "operation": operation,
        }
