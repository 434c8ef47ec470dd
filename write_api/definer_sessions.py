"""Sessions of commands, by the owner's login: as pend_definer, whom row-level security lets through."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from postgres.bootstrap import DEFINER
from postgres.connections import OwnConnection
from postgres.errors import translated
from postgres.pool import connect
from postgres.queries import load
from write_api.settings import WriteSettings

queries = load("write_owner")

_STATEMENT_S, _LOCK_S = 300.0, 30.0


@asynccontextmanager
async def definer_session(settings: WriteSettings, command: str) -> AsyncIterator[OwnConnection]:
    """Raises the errors of postgres.errors."""
    given = settings.database.connection_settings(f"pend-write {command}")
    connection = await connect(
        replace(
            given,
            role=DEFINER,
            search_path="pg_catalog",
            statement_timeout_s=_STATEMENT_S,
            lock_timeout_s=_LOCK_S,
        )
    )
    try:
        with translated():
            yield connection
    finally:
        await connection.close(timeout=5)
