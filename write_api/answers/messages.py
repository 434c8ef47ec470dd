"""Shapes of messages about an application."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

Audience = Literal["reviewers", "applicant"]


class Message(msgspec.Struct):
    """`audience` reviewers: among administrators alone. No `author_admin_id`: the applicant wrote it."""

    id: int
    """Grows within an application; `after` takes the last one that was read."""
    application_id: UUID
    audience: Audience
    author_admin_id: UUID | None
    body: str | None
    """Null once the applicant's personal data was erased."""
    created_at: datetime
