"""The types of a driver connection, for signatures outside this package."""

from typing import TYPE_CHECKING

import asyncpg
import asyncpg.pool
import asyncpg.prepared_stmt

if TYPE_CHECKING:
    OwnConnection = asyncpg.Connection[asyncpg.Record]
    Connection = asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]
    Statement = asyncpg.prepared_stmt.PreparedStatement[asyncpg.Record]
else:
    OwnConnection = asyncpg.Connection
    Connection = asyncpg.Connection
    Pool = asyncpg.Pool
    Statement = asyncpg.prepared_stmt.PreparedStatement

__all__ = ["Connection", "OwnConnection", "Pool", "Statement"]
