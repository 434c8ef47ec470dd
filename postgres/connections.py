"""The types of a driver connection, for signatures outside this package."""

from typing import TYPE_CHECKING

import asyncpg
import asyncpg.pool

if TYPE_CHECKING:
    OwnConnection = asyncpg.Connection[asyncpg.Record]
    Connection = asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]
else:
    OwnConnection = asyncpg.Connection
    Connection = asyncpg.Connection
    Pool = asyncpg.Pool

__all__ = ["Connection", "OwnConnection", "Pool"]
