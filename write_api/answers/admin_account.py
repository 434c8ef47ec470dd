"""What administrators see of themselves."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec


class AdminAccount(msgspec.Struct):
    """The administrator who asks."""

    id: UUID
    email: str
    name: str
    role: str
    permissions: list[str]
    """By role, plus what was granted, minus what was denied."""
    has_totp: bool
    security_keys: int
    recovery_codes_left: int
    last_login_at: datetime | None
    version: int


class SecurityKey(msgspec.Struct):
    """A registered security key or passkey."""

    id: UUID
    name: str
    transports: list[str]
    created_at: datetime
    last_used_at: datetime | None


class SecurityKeys(msgspec.Struct):
    """All of one administrator: at most ten."""

    data: list[SecurityKey]


class SecurityKeyOptions(msgspec.Struct):
    """For `navigator.credentials.create`, within five minutes."""

    options: dict[str, Any]
    expires_at: datetime
