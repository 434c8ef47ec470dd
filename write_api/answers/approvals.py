"""What one administrator asked and another one decides."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec


class Approval(msgspec.Struct):
    """A change that waits for a second administrator, or what became of it."""

    id: UUID
    kind: str
    """tier_raise, role_change, erasure or asset_activation."""
    resource_id: UUID
    """The user, administrator or asset that it is about."""
    change: dict[str, Any]
    """Such as {"tier": 2}, {"role": "auditor"}, {"permission": "kyc.read", "effect": "grant"} or {}."""
    justification: str
    status: str
    is_expired: bool
    """Whether it waited for too long: it can no longer be approved."""
    requested_by: UUID
    requested_by_name: str
    requested_at: datetime
    expires_at: datetime
    decided_by: UUID | None
    decided_by_name: str | None
    decided_at: datetime | None
    decision_note: str | None
    version: int
