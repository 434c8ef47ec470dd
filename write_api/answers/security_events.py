"""What looked like an attack, and what was found."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec


class SecurityEvent(msgspec.Struct):
    """One event."""

    id: UUID
    timestamp: datetime
    event_type: str
    severity: str
    """low, medium, high or critical."""
    user_id: UUID | None
    admin_id: UUID | None
    ip_address: str | None
    user_agent: str | None
    endpoint: str | None
    request_id: str | None
    threat_indicators: dict[str, Any]
    automatic_action_taken: str | None
    investigated: bool
    investigated_by: UUID | None
    investigated_at: datetime | None
    investigation_notes: str | None
    false_positive: bool
    version: int
