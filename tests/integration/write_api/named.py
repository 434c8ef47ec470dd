"""The names of the world's rows: an id, a hash and a time for each name."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

Row = dict[str, Any]

ROLES = ("super_admin", "asset_manager", "kyc_verifier", "auditor", "viewer")
NOW = datetime.now(UTC).replace(microsecond=0)
SOON = NOW + timedelta(days=1)


def uuid(name: str) -> UUID:
    """The id of the row that is named so."""
    return UUID(bytes=name.encode().rjust(16, b"\0")[-16:])


def word(name: str, length: int = 32) -> bytes:
    return name.encode().rjust(length, b"\0")[-length:]


A, B = uuid("user a"), uuid("user b")
ADMINS = {name: uuid(name) for name in (*ROLES, "gone")}
USERS = {"a": A, "b": B}
