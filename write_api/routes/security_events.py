"""/api/v1/admin/security-events: what looked like an attack, listed and investigated."""

from ipaddress import ip_address
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Request, Router, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter

from service.http.problems import BadParameter, NotFound
from write_api.acting import ADMIN, Act, Row, expected_version, queries, require_version
from write_api.answer import Answer, answer
from write_api.answers.security_events import SecurityEvent
from write_api.bodies import faults
from write_api.desk import Desk
from write_api.inputs import texts
from write_api.pages import BY_TIME, LIMIT_DEFAULT, CursorText, Limit, Listed, PageRequest

_NOTES_MIN, _NOTES_MAX = 10, 4_000
_Level = Literal["low", "medium", "high", "critical"]
_Severity = Annotated[
    _Level | None, QueryParameter(name="severity", description="Only those as bad as this.")
]
_Type = Annotated[
    str | None, QueryParameter(name="type", description="Only this type: failed_login, …", max_length=63)
]
_Investigated = Annotated[
    bool | None, QueryParameter(name="investigated", description="Only those looked into, or not.")
]
_Address = Annotated[
    str | None, QueryParameter(name="ip", description="Only of this address.", max_length=64)
]


class Investigation(msgspec.Struct):
    """What was found."""

    notes: str
    """10 to 4,000 characters."""
    false_positive: bool
    """Whether it was no attack at all."""


def routes(desk: Desk) -> Router:
    @get(
        "/",
        summary="Security events, newest first",
        operation_id="listSecurityEvents",
        responses={200: ResponseSpec(Listed[SecurityEvent], description="A page of events")},
        opt={"actor": ADMIN, "permission": "security.read"},
    )
    async def list_security_events(
        request: Request[Any, Any, Any],
        severity: _Severity = None,
        event_type: _Type = None,
        investigated: _Investigated = None,
        ip: _Address = None,
        limit: Limit = LIMIT_DEFAULT,
        cursor: CursorText = None,
    ) -> Answer:
        filters = (severity, event_type, investigated, None if ip is None else _address(ip))
        page = PageRequest(f"security events {filters!r}", limit, cursor, BY_TIME)

        async def read(act: Act) -> Answer:
            await act.value(queries.plan_anew)
            rows = await act.many(queries.list_security_events, *page.arguments(), *filters)
            return answer(page.page(rows, ("timestamp", "id"), [_shown(row) for row in rows]))

        return await desk.office.run(request, read)

    @get(
        "/{event_id:uuid}",
        summary="A security event",
        operation_id="getSecurityEvent",
        responses={200: ResponseSpec(SecurityEvent, description="The event")},
        opt={"actor": ADMIN, "permission": "security.read"},
    )
    async def get_security_event(request: Request[Any, Any, Any], event_id: UUID) -> Answer:
        async def read(act: Act) -> Answer:
            event = _shown(await _row(act, event_id))
            return answer(event, version=event.version)

        return await desk.office.run(request, read)

    @post(
        "/{event_id:uuid}/investigate",
        summary="Keep what was found out about an event",
        operation_id="investigateSecurityEvent",
        responses={200: ResponseSpec(SecurityEvent, description="The event now")},
        opt={"actor": ADMIN, "permission": "security.investigate"},
        status_code=200,
    )
    async def investigate_security_event(
        request: Request[Any, Any, Any], event_id: UUID, data: Investigation
    ) -> Answer:
        version = expected_version(request)
        with faults() as found:
            notes = found.parse(
                "notes",
                texts.parse,
                data.notes,
                characters_min=_NOTES_MIN,
                characters_max=_NOTES_MAX,
                single_line=False,
            )

        async def work(act: Act) -> Answer:
            require_version(version, (await _row(act, event_id))["version"])
            await act.justify(notes)
            await act.value(
                queries.investigate_security_event, event_id, version, act.me, notes, data.false_positive
            )
            event = _shown(await _row(act, event_id))
            require_version(version + 1, event.version)
            act.announce("security:updated", "admins", id=str(event_id), investigated=True)
            return answer(event, version=event.version)

        return await desk.office.write(request, work)

    return Router(
        "/admin/security-events",
        route_handlers=[list_security_events, get_security_event, investigate_security_event],
        tags=["security"],
    )


async def _row(act: Act, id_: UUID) -> Row:
    row = await act.one(queries.select_security_event, id_)
    if row is None:
        raise NotFound("there is no such event")
    return row


def _shown(row: Row) -> SecurityEvent:
    values = dict(row)
    values["threat_indicators"] = msgspec.json.decode(values["threat_indicators"])
    return SecurityEvent(**values)


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise BadParameter("ip", text, "an IPv4 or IPv6 address") from None
