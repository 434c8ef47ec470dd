"""Every named query is understood by a migrated database, in every home."""

import asyncpg

import sql
from postgres.connections import OwnConnection
from postgres.queries import Query, load

SERVICES = sorted(path.name for path in sql.FOLDER.iterdir() if path.is_dir() and any(path.glob("*.sql")))
NEEDS_TIMESCALE = {"select_hypertables"}


async def test_every_query_prepares(connection: OwnConnection) -> None:
    has_timescale = await connection.fetchval(
        "SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'"
    )
    refused: dict[str, str] = {}
    for service in SERVICES:
        for query in load(service):
            if query.name in NEEDS_TIMESCALE and not has_timescale:
                continue
            refused |= await refusal(connection, f"{service}.{query.name}", query)

    assert refused == {}


async def refusal(connection: OwnConnection, name: str, query: Query) -> dict[str, str]:
    try:
        await connection.prepare(query.sql)
    except asyncpg.PostgresError as error:
        return {name: str(error)}
    return {}
