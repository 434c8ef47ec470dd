"""An application under review: read, compared by version, and opened as far as who acts may."""

from uuid import UUID

from service.http.problems import NotFound
from write_api.acting import Act, Row, queries, require_version
from write_api.answers.kyc import details_of, document_of
from write_api.answers.kyc_reviews import ReviewedApplication, reviewer_of
from write_api.data_keys import DataKey
from write_api.kyc_status import TRANSITIONS
from write_api.problems import Conflicting


async def read_review(act: Act, id_: UUID) -> Row:
    row = await act.one(queries.select_kyc_review, id_)
    if row is None:
        raise NotFound("there is no such application")
    return row


async def under_version(act: Act, id_: UUID, version: int) -> Row:
    """Raises `NotFound` and `VersionStale`."""
    row = await read_review(act, id_)
    require_version(version, row["version"])
    return row


async def key_of_applicant(act: Act, row: Row) -> DataKey:
    """Raises `Conflicting` once the applicant was erased: nothing is left to decide on."""
    key = await act.key_of(row["user_id"])
    if key is None:
        raise Conflicting("the applicant's personal data was erased", rule="erased")
    return key


async def shown_review(act: Act, row: Row) -> ReviewedApplication:
    """Closed for those who may see that there is an application, but not of whom: auditors."""
    may_open = act.may("users.personal") or act.may("kyc.review")
    key = await act.key_of(row["user_id"]) if may_open else None

    def opened(column: str) -> str | None:
        return None if key is None else key.open(row[column], row=row["id"], column=column)

    documents = await act.many(queries.select_application_documents, row["id"])
    return ReviewedApplication(
        id=row["id"],
        user_id=row["user_id"],
        status=row["status"],
        allowed_transitions=list(TRANSITIONS[row["status"]]),
        assigned_to=reviewer_of(row, "assigned_to", "assigned_name"),
        decided_by=reviewer_of(row, "verified_by", "verified_name"),
        details=details_of(row, key),
        rejection_reason=opened("rejection_reason"),
        review_notes=opened("review_notes"),
        documents=[document_of(document, key) for document in documents],
        submitted_at=row["submitted_at"],
        reviewed_at=row["reviewed_at"],
        version=row["version"],
    )
