"""The summaries that the dashboard and the portfolio read, made anew."""

from write_api.working.worker import Worker, queries

SECONDS_MAX = 3_600


async def refresh(worker: Worker) -> None:
    """Readers see the old ones until the new ones are whole."""
    async with worker.sessions.connection() as connection, connection.transaction():
        await queries.allow_long_refresh.exec(connection, SECONDS_MAX)
        await queries.refresh_summaries.exec(connection)
