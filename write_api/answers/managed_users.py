"""What administrators see of users."""

from datetime import datetime
from uuid import UUID

import msgspec

from write_api.answers.profile import Tier


class UserSummary(msgspec.Struct):
    """A user in a list: nothing of the person."""

    id: UUID
    address: str
    """The wallet, with checksum (EIP-55)."""
    status: str
    """active, suspended or closed."""
    tier: int
    is_verified: bool
    is_erased: bool
    created_at: datetime
    version: int


class PersonalData(msgspec.Struct):
    """What the user told of the person; reading it is noted in the audit trail."""

    full_name: str | None
    email: str | None
    phone_number_masked: str | None
    country_code: str | None


class NewestApplication(msgspec.Struct):
    """The newest application for verification."""

    id: UUID
    status: str
    submitted_at: datetime
    reviewed_at: datetime | None


class PortfolioTotals(msgspec.Struct):
    """What the user holds now, as exact decimal text."""

    investments: int
    """Confirmed ones."""
    assets: int
    invested: str
    """Confirmed, without what was withdrawn."""
    pending: str
    """Asked for; the chain has not confirmed it."""


class ManagedUser(msgspec.Struct):
    """A user as administrators see one."""

    id: UUID
    address: str
    status: str
    status_reason: str | None
    allowed_transitions: list[str]
    """The states that can follow."""
    tier: Tier
    is_verified: bool
    verified_at: datetime | None
    erasure_requested_at: datetime | None
    erased_at: datetime | None
    application: NewestApplication | None
    """Null where there is none, and without kyc.read."""
    portfolio: PortfolioTotals | None
    """Null without investments.read."""
    personal: PersonalData | None
    """Null unless it was asked for."""
    login_count: int
    last_login_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int


class UserStanding(msgspec.Struct):
    """What a user is after a change."""

    id: UUID
    status: str
    tier: int
    sessions_ended: int
    version: int


class UserSessionSummary(msgspec.Struct):
    """A session in force."""

    id: UUID
    client: str
    created_at: datetime
    refreshed_at: datetime
    expires_at: datetime


class UserSessions(msgspec.Struct):
    """Every session in force, newest first."""

    data: list[UserSessionSummary]
