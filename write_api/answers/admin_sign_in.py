"""What an administrator is told on the way in."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec


class SecondFactorChallenge(msgspec.Struct):
    """The password was right: one of `factors` signs in, within `attempts_left` attempts."""

    challenge_id: UUID
    factors: list[str]
    """totp, security_key, recovery_code."""
    security_key_options: dict[str, Any] | None
    """For `navigator.credentials.get`; null without a security key."""
    attempts_left: int
    expires_at: datetime


class TotpSecret(msgspec.Struct):
    """What an authenticator app is given; the next step proves that it has it."""

    secret: str
    """Base 32: SHA-1, 6 digits, 30 seconds."""
    provisioning_uri: str
    """The same as otpauth://, to be shown as a QR code."""


class RecoveryCodes(msgspec.Struct):
    """Ten codes, each good for one sign-in without the authenticator app. They are shown this once."""

    recovery_codes: list[str]
