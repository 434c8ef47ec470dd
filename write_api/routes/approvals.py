"""/api/v1/admin/approvals: what one administrator asked, a second one approves or rejects."""

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Request, Router, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter

from write_api.acting import ADMIN, Act, expected_version, queries, require_version
from write_api.answer import Answer, answer
from write_api.answers.approvals import Approval
from write_api.approval_effects import carry_out
from write_api.approving import approval_row, shown
from write_api.bodies import faults
from write_api.desk import Desk
from write_api.inputs import texts
from write_api.pages import BY_TIME, LIMIT_DEFAULT, CursorText, Limit, Listed, PageRequest
from write_api.problems import Conflicting

READ, DECIDE = "approvals.read", "approvals.decide"
_NOTE_CHARACTERS_MAX = 1_000

Status = Literal["pending", "approved", "rejected", "cancelled"]
Kind = Literal["tier_raise", "role_change", "erasure", "asset_activation"]
StatusFilter = Annotated[Status | None, Parameter(description="Those in this state.")]
KindFilter = Annotated[Kind | None, Parameter(description="Those of this kind.")]
ResourceFilter = Annotated[
    UUID | None, Parameter(description="Those about this user, administrator or asset.")
]
AskerFilter = Annotated[UUID | None, Parameter(description="Those that this administrator asked for.")]


class Note(msgspec.Struct):
    """A word on the decision; the audit trail keeps it."""

    note: str | None = None


def routes(desk: Desk) -> Router:
    @get(
        "/",
        summary="What waits for a second administrator, and what was decided",
        operation_id="listApprovals",
        responses={200: ResponseSpec(Listed[Approval], description="The newest first")},
        opt={"actor": ADMIN, "permission": READ},
    )
    async def list_approvals(
        request: Request[Any, Any, Any],
        limit: Limit = LIMIT_DEFAULT,
        cursor: CursorText = None,
        status: StatusFilter = None,
        kind: KindFilter = None,
        resource_id: ResourceFilter = None,
        requested_by: AskerFilter = None,
    ) -> Answer:
        filters = (status, kind, resource_id, requested_by)
        page = PageRequest(f"approvals:{filters}", limit, cursor, BY_TIME)

        async def read(act: Act) -> Answer:
            rows = await act.many(queries.list_approvals, *page.arguments(), *filters)
            return answer(page.page(rows, ("requested_at", "id"), [shown(row) for row in rows]))

        return await desk.office.run(request, read)

    @get(
        "/{approval_id:uuid}",
        summary="One approval",
        operation_id="getApproval",
        responses={200: ResponseSpec(Approval, description="The approval")},
        opt={"actor": ADMIN},
    )
    async def get_approval(request: Request[Any, Any, Any], approval_id: UUID) -> Answer:
        async def read(act: Act) -> Answer:
            return _answer(shown(await approval_row(act, approval_id)))

        return await desk.office.run(request, read)

    async def decide(request: Request[Any, Any, Any], id_: UUID, note: str | None, status: Status) -> Answer:
        version = expected_version(request)
        with faults() as found:
            if note is not None:
                note = found.parse(
                    "note", texts.parse, note, characters_max=_NOTE_CHARACTERS_MAX, single_line=False
                )

        async def work(act: Act) -> Answer:
            row = await approval_row(act, id_)
            if row["status"] != "pending":
                raise Conflicting(
                    f"this was {row['status']} already", rule="approvals_decided", allowed_transitions=[]
                )
            require_version(version, row["version"])
            await act.justify(note or row["justification"])
            if await act.value(queries.decide_approval, id_, version, status, act.me, note) is None:
                require_version(version, (await approval_row(act, id_))["version"])
            if status == "approved":
                await act.justify(row["justification"])
                await carry_out(desk, act, row)
            act.announce("approval:decided", "admins", id=str(id_), kind=row["kind"], status=status)
            return _answer(shown(await approval_row(act, id_)))

        return await desk.office.write(request, work)

    @post(
        "/{approval_id:uuid}/approve",
        status_code=200,
        summary="Approve, and do what was asked",
        operation_id="approveApproval",
        responses={200: ResponseSpec(Approval, description="Approved and done")},
        opt={"actor": ADMIN, "permission": DECIDE},
    )
    async def approve(request: Request[Any, Any, Any], approval_id: UUID, data: Note) -> Answer:
        return await decide(request, approval_id, data.note, "approved")

    @post(
        "/{approval_id:uuid}/reject",
        status_code=200,
        summary="Reject what was asked",
        operation_id="rejectApproval",
        responses={200: ResponseSpec(Approval, description="Rejected; nothing changes")},
        opt={"actor": ADMIN, "permission": DECIDE},
    )
    async def reject(request: Request[Any, Any, Any], approval_id: UUID, data: Note) -> Answer:
        return await decide(request, approval_id, data.note, "rejected")

    @post(
        "/{approval_id:uuid}/cancel",
        status_code=200,
        summary="Take back what you asked for",
        operation_id="cancelApproval",
        responses={200: ResponseSpec(Approval, description="Cancelled; nothing changes")},
        opt={"actor": ADMIN},
    )
    async def cancel(request: Request[Any, Any, Any], approval_id: UUID, data: Note) -> Answer:
        return await decide(request, approval_id, data.note, "cancelled")

    return Router(
        "/admin/approvals",
        route_handlers=[list_approvals, get_approval, approve, reject, cancel],
        tags=["approvals"],
    )


def _answer(approval: Approval) -> Answer:
    return answer(approval, version=approval.version)
