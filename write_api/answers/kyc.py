"""What applicants see of their documents and applications."""

from datetime import datetime
from uuid import UUID

import msgspec

from write_api.acting import Row
from write_api.data_keys import DataKey
from write_api.kyc_details import KycDetails


class KycDocument(msgspec.Struct):
    """An uploaded document; its content is at `/content`."""

    id: UUID
    application_id: UUID | None
    """Null until it is submitted with an application; after a day it is deleted then."""
    document_type: str
    """id, passport, utility or driver_license."""
    filename: str | None
    """Null where who asks may not see it."""
    media_type: str
    """As the content says, not the uploader."""
    size: int
    sha256: str
    uploaded_at: datetime


class KycApplication(msgspec.Struct):
    """An application in a list."""

    id: UUID
    status: str
    """pending_review, under_review, verified or rejected."""
    submitted_at: datetime
    reviewed_at: datetime | None
    version: int


class OwnKycApplication(msgspec.Struct):
    """An application as its applicant sees it."""

    id: UUID
    status: str
    """pending_review, under_review, verified or rejected. After a rejection another one may be submitted."""
    details: KycDetails | None
    rejection_reason: str | None
    documents: list[KycDocument]
    submitted_at: datetime
    reviewed_at: datetime | None
    version: int


def document_of(row: Row, key: DataKey | None) -> KycDocument:
    """`key` None: the file name stays closed."""
    name = row["original_filename"]
    return KycDocument(
        id=row["id"],
        application_id=row["application_id"],
        document_type=row["document_type"],
        filename=None if key is None else key.open(name, row=row["id"], column="original_filename"),
        media_type=row["mime_type"],
        size=row["file_size"],
        sha256="0x" + row["file_hash"].hex(),
        uploaded_at=row["uploaded_at"],
    )


def details_of(row: Row, key: DataKey | None) -> KycDetails | None:
    if key is None:
        return None
    opened = key.open(row["details"], row=row["id"], column="details")
    return None if opened is None else msgspec.json.decode(opened, type=KycDetails)
