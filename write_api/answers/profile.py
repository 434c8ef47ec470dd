"""What users see of themselves."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec


class Tier(msgspec.Struct):
    """What the tier allows."""

    tier: int
    name: str
    invested_max: str | None
    """What all investments may come to; null has no limit."""
    requires_kyc: bool


class Profile(msgspec.Struct):
    """A user as the user sees it."""

    id: UUID
    address: str
    """The wallet, with checksum (EIP-55)."""
    status: str
    tier: Tier
    is_verified: bool
    """Whether an application was verified."""
    phone_number_masked: str | None
    country_code: str | None
    full_name: str | None
    email: str | None
    preferences: dict[str, Any]
    created_at: datetime
    last_login_at: datetime | None
    login_count: int
    version: int
