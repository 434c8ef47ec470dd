"""Sessions that end because their administrator changed: the schema ends them, Redis is told."""

from uuid import UUID

from write_api.acting import Act, queries
from write_api.desk import Desk


async def forget(desk: Desk, act: Act, admin: UUID, *, but: UUID | None = None) -> None:
    """Have Redis refuse the sessions of `admin` once the transaction, which ends them, is committed."""
    rows = await act.many(queries.open_sessions_of_admin, admin)
    ended = [row["id"] for row in rows if row["id"] != but]

    async def tell() -> None:
        await desk.sessions.end(*ended)

    act.after.append(tell)


async def forget_user(desk: Desk, act: Act, user: UUID) -> None:
    """The same for a user."""
    rows = await act.many(queries.list_open_user_sessions, user)
    ended = [row["id"] for row in rows]

    async def tell() -> None:
        await desk.sessions.end(*ended)

    act.after.append(tell)
