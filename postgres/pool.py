"""Connections for the services: session settings, deadlines and role are the same on every one of them."""

from dataclasses import dataclass, field

import asyncpg

from postgres.connections import Connection, OwnConnection, Pool
from postgres.errors import translated


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """Where the database is and how long a session may wait. `dsn` may carry libpq's sslmode and so on."""

    dsn: str = field(repr=False)
    application_name: str = "pend"
    statement_timeout_s: float = 60.0
    lock_timeout_s: float = 10.0
    connect_timeout_s: float = 10.0
    pool_size_min: int = 1
    pool_size_max: int = 4
    role: str | None = None
    search_path: str = "chain"
    read_only: bool = False
    """Whether every transaction is read-only: a second lock beside the role's privileges."""
    caller_keeps_time: bool = False
    """Whether the caller gives up by itself when the server is silent: a timer less for each statement."""
    plans_once: bool = False
    """Whether a prepared statement may keep one plan: right for plain tables alone (DESIGN.md 8.7)."""


def session_settings(settings: DatabaseSettings) -> dict[str, str]:
    """Sent when the session starts, so that the reset between two borrowers returns to them."""
    values = {
        "application_name": settings.application_name,
        "timezone": "UTC",
        "statement_timeout": f"{round(settings.statement_timeout_s * 1000)}ms",
        "lock_timeout": f"{round(settings.lock_timeout_s * 1000)}ms",
        # A writer that hangs inside a transaction would hold its locks for ever.
        "idle_in_transaction_session_timeout": f"{round(settings.statement_timeout_s * 2000)}ms",
        # A generic plan over a hypertable opens and locks every chunk (DESIGN.md 8.7).
        "plan_cache_mode": "auto" if settings.plans_once else "force_custom_plan",
        # Derived tables are named without a schema: made anew, they stand in another one.
        "search_path": settings.search_path,
        "jit": "off",
    }
    if settings.read_only:
        values["default_transaction_read_only"] = "on"
        # A reader who went away is noticed while its statement still runs.
        values["client_connection_check_interval"] = "1000ms"
    if settings.role is not None:
        values["role"] = settings.role
    return values


async def connect(settings: DatabaseSettings) -> OwnConnection:
    """One connection of its own. Raises the errors of postgres.errors."""
    with translated():
        connection: OwnConnection = await asyncpg.connect(
            settings.dsn,
            timeout=settings.connect_timeout_s,
            command_timeout=_client_deadline_s(settings),
            server_settings=session_settings(settings),
        )
        return connection


async def open_pool(settings: DatabaseSettings) -> Pool:
    """A pool that has already reached the database once. Raises the errors of postgres.errors."""
    with translated():
        pool: Pool = await asyncpg.create_pool(
            settings.dsn,
            min_size=settings.pool_size_min,
            max_size=settings.pool_size_max,
            timeout=settings.connect_timeout_s,
            command_timeout=_client_deadline_s(settings),
            server_settings=session_settings(settings),
        )
        return pool


def _client_deadline_s(settings: DatabaseSettings) -> float | None:
    """Later than the server's own: it only fires when the server no longer answers at all."""
    if settings.caller_keeps_time:
        return None
    return settings.statement_timeout_s + 5.0 if settings.statement_timeout_s else None


__all__ = [
    "Connection",
    "DatabaseSettings",
    "OwnConnection",
    "Pool",
    "connect",
    "open_pool",
    "session_settings",
]
