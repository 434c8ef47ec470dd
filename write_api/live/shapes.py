"""What clients of the panel send: one object with each event."""

from typing import Annotated
from uuid import UUID

import msgspec

from write_api.answers.messages import Audience
from write_api.live.presence import State
from write_api.messages import READ_MAX


class Room(msgspec.Struct):
    room: Annotated[str, msgspec.Meta(max_length=100)]


class Application(msgspec.Struct):
    application_id: UUID


class StateChange(msgspec.Struct):
    application_id: UUID
    state: State


class NewMessage(msgspec.Struct):
    """`key`: of the client's own making; sent again with it, the same message is not written twice."""

    application_id: UUID
    audience: Audience
    body: str
    key: Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern="^[!-~]+$")] | None = None


class Since(msgspec.Struct):
    """`after`: the id of the last message that was read; 0 from the first."""

    application_id: UUID
    after: Annotated[int, msgspec.Meta(ge=0, lt=2**53)] = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=READ_MAX)] = READ_MAX


class Token(msgspec.Struct):
    token: str
