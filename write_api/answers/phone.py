"""Phones of users: masked, never whole."""

from datetime import datetime
from uuid import UUID

import msgspec


class PhoneChallenge(msgspec.Struct):
    """A code was sent; who sends it back has the phone."""

    challenge_id: UUID
    phone_number_masked: str
    expires_at: datetime


class RegisteredPhone(msgspec.Struct):
    """The phone of the account from now on."""

    phone_number_masked: str
    country_code: str | None
