"""Notices to everybody who is signed in."""

from datetime import datetime
from typing import Literal

import msgspec

Severity = Literal["info", "warning", "critical"]


class Notice(msgspec.Struct):
    """Such as a maintenance window. In force until it ends, if it does."""

    id: int
    severity: Severity
    body: str
    created_at: datetime
    expires_at: datetime | None
