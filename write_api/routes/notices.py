"""/api/v1/notices: what administrators tell everybody who is signed in."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from litestar import Request, Router, get, post
from litestar.openapi.datastructures import ResponseSpec

from write_api.acting import ADMIN, EITHER, Act, queries
from write_api.answer import Answer, answer
from write_api.answers.notices import Notice, Severity
from write_api.bodies import faults
from write_api.desk import Desk
from write_api.inputs import texts
from write_api.inputs.errors import InvalidInput
from write_api.pages import BY_NUMBER, LIMIT_DEFAULT, CursorText, Limit, Listed, PageRequest

_BODY_MAX = 1_000


class NewNotice(msgspec.Struct):
    """In force until `expires_at`; null: for good."""

    severity: Severity
    body: str
    expires_at: datetime | None = None


def routes(desk: Desk) -> Router:
    @get(
        "/notices",
        summary="Notices in force",
        operation_id="listNotices",
        responses={200: ResponseSpec(Listed[Notice], description="Newest first")},
        opt={"actor": EITHER},
    )
    async def list_notices(
        request: Request[Any, Any, Any], limit: Limit = LIMIT_DEFAULT, cursor: CursorText = None
    ) -> Answer:
        page = PageRequest("notices", limit, cursor, BY_NUMBER)

        async def read(act: Act) -> Answer:
            rows = await act.many(queries.select_notices, *page.arguments())
            return answer(page.page(rows, ("id",), [Notice(**dict(row)) for row in rows]))

        return await desk.office.run(request, read)

    @post(
        "/admin/notices",
        summary="Tell everybody something",
        operation_id="createNotice",
        responses={201: ResponseSpec(Notice, description="The notice, in force")},
        opt={"actor": ADMIN, "permission": "notices.write"},
    )
    async def create_notice(request: Request[Any, Any, Any], data: NewNotice) -> Answer:
        with faults() as found:
            body = found.parse("body", texts.parse, data.body, characters_max=_BODY_MAX, single_line=False)
            expires_at = found.parse("expires_at", _expiry, data.expires_at)

        async def create(act: Act) -> Answer:
            row = await act.one(queries.insert_notice, data.severity, body, act.me, expires_at)
            assert row is not None
            act.announce("notice:new", "everyone", id=row["id"], severity=data.severity)
            notice = Notice(row["id"], data.severity, body, row["created_at"], expires_at)
            return answer(notice, status=201)

        return await desk.office.write(request, create)

    return Router("/", route_handlers=[list_notices, create_notice], tags=["notices"])


def _expiry(given: datetime | None) -> datetime | None:
    if given is None:
        return None
    if given.tzinfo is None:
        raise InvalidInput("is a time with its offset, such as 2027-01-31T12:00:00Z")
    if given <= datetime.now(UTC):
        raise InvalidInput("is in the past")
    return given
