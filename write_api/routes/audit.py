"""/api/v1/admin/audit: the audit trail, read with filters, exported whole, and its seals."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Request, Router, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter

from service.http.problems import BadParameter
from write_api import audit_export
from write_api.acting import ADMIN, Act, Row, queries
from write_api.answer import Answer, answer
from write_api.answers.audit import AuditRow, Seal
from write_api.audit_export import shown
from write_api.desk import Desk
from write_api.limiting import STRICT
from write_api.pages import BY_NUMBER, LIMIT_DEFAULT, CursorText, Limit, Listed, PageRequest

_PAGE_ROWS = 1_000
_RANGE_MAX = timedelta(days=366)

_Admin = Annotated[UUID | None, QueryParameter(name="admin", description="What this administrator did.")]
_User = Annotated[UUID | None, QueryParameter(name="user", description="What this user did.")]
_Type = Annotated[
    str | None,
    QueryParameter(name="resource_type", description="The table it was about, such as users.", max_length=63),
]
_Id = Annotated[str | None, QueryParameter(name="resource_id", description="Id of the row.", max_length=255)]
_Action = Annotated[
    str | None, QueryParameter(name="action", description="insert, update, delete, read, …", max_length=63)
]
_From = Annotated[datetime | None, QueryParameter(name="from", description="From this time on (ISO 8601).")]
_To = Annotated[datetime | None, QueryParameter(name="to", description="Before this time (ISO 8601).")]
_WholeFrom = Annotated[datetime, QueryParameter(name="from", description="From this time on (ISO 8601).")]
_WholeTo = Annotated[
    datetime,
    QueryParameter(name="to", description="Before this time (ISO 8601), at most 366 days later."),
]
_Form = Annotated[Literal["csv", "jsonl"], QueryParameter(name="format", description="CSV or JSON lines.")]


def routes(desk: Desk) -> Router:
    @get(
        "/",
        summary="The audit trail, newest first",
        operation_id="listAudit",
        responses={200: ResponseSpec(Listed[AuditRow], description="A page of the trail")},
        opt={"actor": ADMIN, "permission": "audit.read"},
    )
    async def list_audit(
        request: Request[Any, Any, Any],
        admin: _Admin = None,
        user: _User = None,
        resource_type: _Type = None,
        resource_id: _Id = None,
        action: _Action = None,
        from_time: _From = None,
        to_time: _To = None,
        limit: Limit = LIMIT_DEFAULT,
        cursor: CursorText = None,
    ) -> Answer:
        _zoned("from", from_time)
        _zoned("to", to_time)
        filters = (admin, user, resource_type, resource_id, action, from_time, to_time)
        page = PageRequest(f"audit {filters!r}", limit, cursor, BY_NUMBER)

        async def read(act: Act) -> Answer:
            await act.value(queries.plan_anew)
            rows = await act.many(queries.list_audit, *page.arguments(), *filters)
            return answer(page.page(rows, ("id",), [shown(row) for row in rows]))

        return await desk.office.run(request, read)

    @get(
        "/export",
        summary="The audit trail of a time, oldest first, whole",
        description="Streamed; the export is noted in the trail itself. Cells of CSV that a spreadsheet "
        "would calculate begin with an apostrophe.",
        operation_id="exportAudit",
        responses={200: ResponseSpec(str, description="The rows", media_type="application/x-ndjson")},
        opt={"actor": ADMIN, "permission": "audit.export", "limit": STRICT},
    )
    async def export_audit(
        request: Request[Any, Any, Any], from_time: _WholeFrom, to_time: _WholeTo, form: _Form = "csv"
    ) -> Answer:
        _zoned("from", from_time)
        _zoned("to", to_time)
        if not from_time < to_time <= from_time + _RANGE_MAX:
            raise BadParameter("to", to_time.isoformat(), "a time after `from`, at most 366 days later")

        async def begin(act: Act) -> int:
            act.require("audit.read")
            last: int = await act.value(queries.last_audit_id)
            await act.audit(
                "export",
                "admin_audit_logs",
                "",
                **{"from": from_time, "to": to_time, "format": form, "last_id": last},
            )
            return last

        last = await desk.office.run(request, begin)

        async def page(after: int) -> list[Row]:
            async def read(act: Act) -> list[Row]:
                await act.value(queries.plan_anew)
                return await act.many(queries.export_audit, _PAGE_ROWS, after, last, from_time, to_time)

            # Each page as whoever asks: one who is signed out meanwhile is given no more.
            return await desk.office.run(request, read)

        async def chunks() -> AsyncIterator[bytes]:
            yield audit_export.head(form)
            after = 0
            while rows := await page(after):
                yield audit_export.lines(form, rows)
                after = rows[-1]["id"]

        name = f'attachment; filename="audit.{form}"'.encode()
        return Answer(
            media_type_=audit_export.MEDIA_TYPES[form],
            headers_=((b"content-disposition", name),),
            chunks=chunks(),
        )

    @get(
        "/seals",
        summary="The seals of the audit trail, newest first",
        operation_id="listAuditSeals",
        responses={200: ResponseSpec(Listed[Seal], description="A page of seals")},
        opt={"actor": ADMIN, "permission": "audit.read"},
    )
    async def list_audit_seals(
        request: Request[Any, Any, Any], limit: Limit = LIMIT_DEFAULT, cursor: CursorText = None
    ) -> Answer:
        page = PageRequest("seals", limit, cursor, BY_NUMBER)

        async def read(act: Act) -> Answer:
            rows = await act.many(queries.list_seals, *page.arguments())
            return answer(page.page(rows, ("number",), [Seal(**dict(row)) for row in rows]))

        return await desk.office.run(request, read)

    return Router("/admin/audit", route_handlers=[list_audit, export_audit, list_audit_seals], tags=["audit"])


def _zoned(field: str, given: datetime | None) -> None:
    if given is not None and given.tzinfo is None:
        raise BadParameter(field, given.isoformat(), "a time with its zone, such as 2026-01-31T12:00:00Z")
