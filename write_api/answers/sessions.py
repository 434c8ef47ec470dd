"""Sessions as those see them who opened them."""

from datetime import datetime
from uuid import UUID

import msgspec


class Session(msgspec.Struct):
    """One sign-in that is in force."""

    id: UUID
    is_current: bool
    """Whether it is the one that asks."""
    client: str
    """What the client called itself (User-Agent)."""
    created_at: datetime
    refreshed_at: datetime
    expires_at: datetime
    """Unless it is refreshed before."""
    address: str | None
    """Where an administrator signed in from."""
    second_factor: str | None
    """How an administrator was confirmed."""
