"""Sessions of other administrators: seen, and ended at once."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, delete, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec

from service.http.problems import NotFound
from write_api.acting import ADMIN, Act, queries
from write_api.answer import Answer, answer, no_content
from write_api.answers.admins import AdminSession
from write_api.desk import Desk
from write_api.pages import BY_TIME, LIMIT_DEFAULT, CursorText, Limit, Listed, PageRequest


def handlers(desk: Desk) -> list[HTTPRouteHandler]:
    @get(
        "/admins/{admin_id:uuid}/sessions",
        summary="Where an administrator is signed in",
        operation_id="listAdminSessions",
        responses={200: ResponseSpec(Listed[AdminSession], description="Those in force, the newest first")},
        opt={"actor": ADMIN, "permission": "admins.read"},
    )
    async def list_sessions(
        request: Request[Any, Any, Any],
        admin_id: UUID,
        limit: Limit = LIMIT_DEFAULT,
        cursor: CursorText = None,
    ) -> Answer:
        page = PageRequest(f"admin_sessions:{admin_id}", limit, cursor, BY_TIME)

        async def read(act: Act) -> Answer:
            if await act.one(queries.select_admin, admin_id) is None:
                raise NotFound("there is no such administrator")
            rows = await act.many(queries.list_admin_sessions, *page.arguments(), admin_id)
            return answer(page.page(rows, ("created_at", "id"), [AdminSession(**dict(row)) for row in rows]))

        return await desk.office.run(request, read)

    @delete(
        "/sessions/{session_id:uuid}",
        status_code=204,
        summary="End an administrator's session at once",
        operation_id="endAdminSession",
        responses={204: ResponseSpec(None, description="Ended: its tokens are refused from now on")},
        opt={"actor": ADMIN, "permission": "admins.write"},
    )
    async def end_session(request: Request[Any, Any, Any], session_id: UUID) -> Response[None]:
        async def end(act: Act) -> Answer:
            ended = await act.one(queries.end_admin_session_of_anybody, session_id)
            if ended is None:
                raise NotFound("there is no such session in force")
            act.announce("session:ended", "admins", id=str(session_id), admin_id=str(ended["admin_id"]))

            async def tell() -> None:
                await desk.sessions.end(session_id)

            act.after.append(tell)
            return no_content()

        return await desk.office.run(request, end)

    return [list_sessions, end_session]
