"""/api/v1/admin/kyc/applications: reviewers take applications, note, and verify or reject them."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Router, get, patch, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter

from write_api.acting import ADMIN, Act, expected_version, queries
from write_api.answer import Answer, answer
from write_api.answers.kyc_reviews import KycStatus, QueuedApplication, ReviewedApplication, queued_of
from write_api.bodies import faults
from write_api.desk import Desk
from write_api.inputs import texts
from write_api.kyc_status import PENDING, REJECTED, UNDER_REVIEW, VERIFIED, require_transition
from write_api.pages import BY_TIME, LIMIT_DEFAULT, CursorText, Limit, Listed, PageRequest
from write_api.panel_events import applicant, application, reviewers
from write_api.reviewing import key_of_applicant, read_review, shown_review, under_version

_JUSTIFICATION_MIN, _JUSTIFICATION_MAX = 10, 2_000
_NOTES_MAX, _REASON_MAX = 10_000, 2_000

StatusFilter = Annotated[
    KycStatus | None, QueryParameter(name="status", description="Applications in this state alone.")
]
ReviewerFilter = Annotated[
    UUID | None, QueryParameter(name="assigned_to", description="Those that this reviewer has alone.")
]


class Assignment(msgspec.Struct):
    """Who reviews; null: who asks."""

    admin_id: UUID | None = None


class ReviewNotes(msgspec.Struct):
    """Among reviewers; null removes them."""

    review_notes: str | None


class Verification(msgspec.Struct):
    """Why, for the audit trail: it is kept as it is, so it names no person."""

    justification: str


class Rejection(msgspec.Struct):
    """The reason is told to the applicant; the justification is for the audit trail and names no person."""

    reason: str
    justification: str


def routes(desk: Desk) -> Router:
    reviewed = {200: ResponseSpec(ReviewedApplication, description="The application as it is now")}
    review = {"actor": ADMIN, "permission": "kyc.review"}

    @get(
        "/",
        summary="The applications",
        description="Oldest first where `status` is pending_review, else newest first.",
        operation_id="listApplicationsForReview",
        responses={200: ResponseSpec(Listed[QueuedApplication], description="A page of them")},
        opt={"actor": ADMIN, "permission": "kyc.read"},
    )
    async def list_applications_for_review(
        request: Request[Any, Any, Any],
        status: StatusFilter = None,
        assigned_to: ReviewerFilter = None,
        limit: Limit = LIMIT_DEFAULT,
        cursor: CursorText = None,
    ) -> Answer:
        page = PageRequest(f"kyc_reviews {status} {assigned_to}", limit, cursor, BY_TIME)
        query = queries.select_kyc_queue if status == PENDING else queries.select_kyc_reviews

        async def read(act: Act) -> Answer:
            rows = await act.many(query, *page.arguments(), status, assigned_to)
            return answer(page.page(rows, ("submitted_at", "id"), [queued_of(row) for row in rows]))

        return await desk.office.run(request, read)

    @get(
        "/{application_id:uuid}",
        summary="An application",
        description="Whoever opens personal details is in the audit trail.",
        operation_id="getApplicationForReview",
        responses={200: ResponseSpec(ReviewedApplication, description="The application")},
        opt={"actor": ADMIN, "permission": "kyc.read"},
    )
    async def get_application_for_review(request: Request[Any, Any, Any], application_id: UUID) -> Answer:
        async def read(act: Act) -> Answer:
            shown = await shown_review(act, await read_review(act, application_id))
            if shown.details is not None:
                await act.audit("read", "kyc_applications", application_id, user_id=str(shown.user_id))
            return answer(shown, version=shown.version)

        return await desk.office.run(request, read)

    @post(
        "/{application_id:uuid}/assign",
        summary="Take an application, or give it to a reviewer",
        operation_id="assignApplication",
        status_code=200,
        responses=reviewed,
        opt=review,
    )
    async def assign_application(
        request: Request[Any, Any, Any], application_id: UUID, data: Assignment
    ) -> Answer:
        version = expected_version(request)

        async def assign(act: Act) -> Answer:
            row = await under_version(act, application_id, version)
            if row["status"] != UNDER_REVIEW:
                require_transition(row["status"], UNDER_REVIEW)
            reviewer = data.admin_id or act.me
            changed = await act.value(queries.assign_kyc_application, application_id, version, reviewer)
            return await _changed(act, application_id, version, changed)

        return await desk.office.write(request, assign)

    @patch(
        "/{application_id:uuid}/notes",
        summary="Note something about an application",
        operation_id="noteApplication",
        responses=reviewed,
        opt=review,
    )
    async def note_application(
        request: Request[Any, Any, Any], application_id: UUID, data: ReviewNotes
    ) -> Answer:
        version = expected_version(request)
        notes = data.review_notes
        with faults() as found:
            if notes is not None:
                notes = found.parse(
                    "review_notes", texts.parse, notes, characters_max=_NOTES_MAX, single_line=False
                )

        async def note(act: Act) -> Answer:
            row = await under_version(act, application_id, version)
            key = await key_of_applicant(act, row)
            sealed = None if notes is None else key.seal(notes, row=application_id, column="review_notes")
            changed = await act.value(queries.note_kyc_application, application_id, version, sealed)
            return await _changed(act, application_id, version, changed, is_told=False)

        return await desk.office.run(request, note)

    @post(
        "/{application_id:uuid}/verify",
        summary="Verify the applicant",
        operation_id="verifyApplication",
        status_code=200,
        responses=reviewed,
        opt=review,
    )
    async def verify_application(
        request: Request[Any, Any, Any], application_id: UUID, data: Verification
    ) -> Answer:
        version = expected_version(request)
        with faults() as found:
            why = found.parse("justification", _justification, data.justification)

        async def verify(act: Act) -> Answer:
            return await _decide(act, application_id, version, VERIFIED, why)

        return await desk.office.write(request, verify)

    @post(
        "/{application_id:uuid}/reject",
        summary="Reject the application",
        operation_id="rejectApplication",
        status_code=200,
        responses=reviewed,
        opt=review,
    )
    async def reject_application(
        request: Request[Any, Any, Any], application_id: UUID, data: Rejection
    ) -> Answer:
        version = expected_version(request)
        with faults() as found:
            why = found.parse("justification", _justification, data.justification)
            reason = found.parse(
                "reason", texts.parse, data.reason, characters_max=_REASON_MAX, single_line=False
            )

        async def reject(act: Act) -> Answer:
            return await _decide(act, application_id, version, REJECTED, why, reason)

        return await desk.office.write(request, reject)

    return Router(
        "/admin/kyc/applications",
        route_handlers=[
            list_applications_for_review,
            get_application_for_review,
            assign_application,
            note_application,
            verify_application,
            reject_application,
        ],
        tags=["kyc review"],
    )


async def _decide(
    act: Act, id_: UUID, version: int, status: str, why: str, reason: str | None = None
) -> Answer:
    """By the reviewer whom it is assigned to: the guard of the table lets nobody else."""
    row = await under_version(act, id_, version)
    require_transition(row["status"], status)
    key = await key_of_applicant(act, row)
    await act.justify(why)
    sealed = None if reason is None else key.seal(reason, row=id_, column="rejection_reason")
    changed = await act.value(queries.decide_kyc_application, id_, version, status, act.me, sealed)
    return await _changed(act, id_, version, changed)


async def _changed(act: Act, id_: UUID, version: int, changed: int | None, *, is_told: bool = True) -> Answer:
    """The application as it is now; the panel hears of it, and the applicant if `is_told`."""
    row = await read_review(act, id_) if changed else await under_version(act, id_, version)
    shown = await shown_review(act, row)
    rooms: tuple[str, ...] = ("kyc", reviewers(id_))
    if is_told:
        rooms = ("kyc", application(id_), applicant(row["user_id"]))
    act.announce("kyc:updated", rooms, id=str(id_), status=shown.status, version=shown.version)
    return answer(shown, version=shown.version)


def _justification(text: str) -> str:
    return texts.parse(
        text, characters_min=_JUSTIFICATION_MIN, characters_max=_JUSTIFICATION_MAX, single_line=False
    )
