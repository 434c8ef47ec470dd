"""All that is kept of a person, as the person is given it."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec


class ExportedProfile(msgspec.Struct):
    """The account, and what its owner told."""

    id: UUID
    address: str
    status: str
    tier: int
    kyc_verified_at: datetime | None
    phone_number_masked: str | None
    """The number itself is not kept; a keyed hash of it is."""
    country_code: str | None
    full_name: str | None
    email: str | None
    registration_ip: str | None
    device_fingerprints: Any
    preferences: dict[str, Any]
    metadata: dict[str, Any]
    profile_metadata: dict[str, Any]
    login_count: int
    last_login_at: datetime | None
    created_at: datetime


class ExportedSession(msgspec.Struct):
    """A sign-in."""

    id: UUID
    client: str
    created_at: datetime
    refreshed_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    ended_because: str | None


class ExportedApplication(msgspec.Struct):
    """An application for verification."""

    id: UUID
    status: str
    details: Any
    rejection_reason: str | None
    metadata: dict[str, Any]
    submitted_at: datetime
    reviewed_at: datetime | None


class ExportedDocument(msgspec.Struct):
    """An uploaded document; its content is downloaded by its id."""

    id: UUID
    application_id: UUID | None
    document_type: str
    original_filename: str | None
    mime_type: str
    file_size: int
    file_hash: str | None
    """SHA-256 of the content."""
    uploaded_at: datetime
    erased_at: datetime | None


class ExportedMessage(msgspec.Struct):
    """A message to or from reviewers."""

    id: int
    application_id: UUID
    is_own: bool
    body: str | None
    created_at: datetime


class ExportedInvestment(msgspec.Struct):
    """An investment."""

    id: UUID
    asset_id: UUID
    amount: str
    currency: str
    status: str
    withdrawn: str
    withdrawing: str
    transaction_hash: str | None
    block_number: int | None
    failure_reason: str | None
    metadata: dict[str, Any]
    invested_at: datetime
    confirmed_at: datetime | None


class ExportedTransaction(msgspec.Struct):
    """A movement of money."""

    id: UUID
    asset_id: UUID
    investment_id: UUID
    kind: str
    amount: str
    currency: str
    status: str
    transaction_hash: str | None
    block_number: int | None
    failure_reason: str | None
    created_at: datetime
    settled_at: datetime | None


class ExportedAgreement(msgspec.Struct):
    """A signed agreement."""

    id: UUID
    asset_id: UUID
    agreement_hash: str
    agreement_url: str | None
    signature: str
    signed_text: str
    signed_at: datetime


class ExportedInterest(msgspec.Struct):
    """Interest in an asset."""

    asset_id: UUID
    shown_at: datetime


class ExportedActivity(msgspec.Struct):
    """Something done in the application."""

    id: UUID
    event_type: str
    event_data: dict[str, Any]
    session_id: UUID | None
    timestamp: datetime


class ExportedAction(msgspec.Struct):
    """One of the person's own actions in the audit trail; what is secret or sealed is a fingerprint in it."""

    id: int
    timestamp: datetime
    action: str
    resource_type: str
    resource_id: str | None
    old_values: Any
    new_values: Any
    ip_address: str | None
    session_id: UUID | None


class PersonalData(msgspec.Struct):
    """Everything about one person."""

    exported_at: datetime
    not_included: list[str]
    """What is kept beside this, and why it is not here."""
    profile: ExportedProfile
    sessions: list[ExportedSession]
    kyc_applications: list[ExportedApplication]
    kyc_documents: list[ExportedDocument]
    messages: list[ExportedMessage]
    investments: list[ExportedInvestment]
    transactions: list[ExportedTransaction]
    investment_agreements: list[ExportedAgreement]
    asset_interests: list[ExportedInterest]
    activity: list[ExportedActivity]
    actions: list[ExportedAction]


class Kept(msgspec.Struct):
    """What erasure does not remove."""

    what: str
    why: str


class ErasureRequest(msgspec.Struct):
    """A wish to be erased; two administrators agree before it is done."""

    id: UUID
    requested_at: datetime
    erased_at: datetime | None
    kept: list[Kept]
    """What law makes us keep; it names nobody afterwards."""
