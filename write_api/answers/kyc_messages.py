"""What reading and writing messages over HTTP is answered with."""

from datetime import datetime
from uuid import UUID

import msgspec

from write_api.answers.messages import Audience, Message


class Messages(msgspec.Struct):
    """Messages in order; those after the last of them are asked for with its id."""

    data: list[Message]


class WrittenMessage(msgspec.Struct):
    """A message that was kept, without its body."""

    id: int
    application_id: UUID
    audience: Audience
    author_admin_id: UUID | None
    created_at: datetime
