"""The audit trail as it is read."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec


class AuditRow(msgspec.Struct):
    """One change, or one look at what is guarded. Secrets and sealed columns appear as fingerprints."""

    id: int
    timestamp: datetime
    actor: str
    """user, admin or system."""
    admin_id: UUID | None
    user_id: UUID | None
    """The user who acted; what it was about is in resource_type and resource_id."""
    action: str
    """insert, update, delete, or what was done without a change, such as read and export."""
    resource_type: str
    resource_id: str | None
    old_values: dict[str, Any] | None
    """What was changed, as it was; null for an insertion."""
    new_values: dict[str, Any] | None
    """What was changed, as it is since; null for a deletion."""
    ip_address: str | None
    session_id: UUID | None
    request_id: str | None
    justification: str | None
    approval_id: UUID | None
    approved_by: UUID | None


class Seal(msgspec.Struct):
    """A batch of rows of the trail, sealed by their hashes and by the seal before."""

    number: int
    first_id: int
    last_id: int
    rows: int
    previous_hash: str
    """Hexadecimal, as is `hash`."""
    hash: str
    sealed_at: datetime
    anchored_at: datetime | None
    """When it was appended to the file outside of the database."""
