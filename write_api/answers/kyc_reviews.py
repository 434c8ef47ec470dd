"""What reviewers see of applications."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from write_api.acting import Row
from write_api.answers.kyc import KycDocument
from write_api.kyc_details import KycDetails

KycStatus = Literal["pending_review", "under_review", "verified", "rejected"]


class Reviewer(msgspec.Struct):
    """An administrator by name."""

    id: UUID
    name: str | None


class QueuedApplication(msgspec.Struct):
    """An application in the reviewers' list."""

    id: UUID
    user_id: UUID
    status: KycStatus
    assigned_to: Reviewer | None
    submitted_at: datetime
    reviewed_at: datetime | None
    version: int


class ReviewedApplication(msgspec.Struct):
    """An application as its reviewers see it.

    Personal details, reason, notes and file names are null without users.personal or kyc.review, and once the
    applicant was erased.
    """

    id: UUID
    user_id: UUID
    status: KycStatus
    allowed_transitions: list[str]
    """The states that can follow."""
    assigned_to: Reviewer | None
    decided_by: Reviewer | None
    details: KycDetails | None
    rejection_reason: str | None
    review_notes: str | None
    documents: list[KycDocument]
    submitted_at: datetime
    reviewed_at: datetime | None
    version: int


def reviewer_of(row: Row, id_: str, name: str) -> Reviewer | None:
    return None if row[id_] is None else Reviewer(row[id_], row[name])


def queued_of(row: Row) -> QueuedApplication:
    return QueuedApplication(
        id=row["id"],
        user_id=row["user_id"],
        status=row["status"],
        assigned_to=reviewer_of(row, "assigned_to", "assigned_name"),
        submitted_at=row["submitted_at"],
        reviewed_at=row["reviewed_at"],
        version=row["version"],
    )
