"""What the panel is told, by way of Redis: best effort, for whoever reconnects reads anew what is so.

Rooms that events name: "everyone", "admins", "kyc", "assets", "application:<id>" (its reviewers and the
applicant who has it open), "application:<id>:reviewers", "applicant:<user id>".
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from socketio import AsyncManager

from service.redis import AWAY, RedisSettings
from write_api.panel_channel import PanelChannel

log = structlog.get_logger(__name__)

_WITHIN_S, _AWAY_FOR_S = 0.5, 2.0


def application(id_: UUID | str) -> str:
    return f"application:{id_}"


def reviewers(id_: UUID | str) -> str:
    """Administrators who have the application open."""
    return f"application:{id_}:reviewers"


def applicants(id_: UUID | str) -> str:
    """The applicant, where he has his application open."""
    return f"application:{id_}:applicant"


def applicant(user_id: UUID | str) -> str:
    """Whatever a user has open."""
    return f"applicant:{user_id}"


@dataclass(frozen=True, slots=True)
class PanelEvent:
    """`name` to everybody in `room`, or in one of several: once, however many of them he is in."""

    name: str
    room: str | tuple[str, ...]
    data: dict[str, Any]

    @property
    def rooms(self) -> list[str]:
        """Rooms as sockets are in them: an application has two."""
        named = (self.room,) if isinstance(self.room, str) else self.room
        return [inner for room in named for inner in _inner(room)]


def _inner(room: str) -> tuple[str, ...]:
    kind, _, rest = room.partition(":")
    if kind == "application" and ":" not in rest:
        return reviewers(rest), applicants(rest)
    return (room,)


class PanelEvents:
    """Without Redis nobody is told, but by the process of the panel itself, which brings its `manager`."""

    def __init__(self, redis: RedisSettings | None, manager: AsyncManager | None = None) -> None:
        self._redis = redis
        self._manager = manager
        self._again_at = 0.0

    async def tell(self, events: Sequence[PanelEvent]) -> None:
        """Never fails, and never says whether anybody heard."""
        if not events:
            return
        if self._manager is None:
            if self._redis is None:
                return
            self._manager = PanelChannel(self._redis, write_only=True)
        loop = asyncio.get_running_loop()
        if loop.time() < self._again_at:
            return
        try:
            async with asyncio.timeout(_WITHIN_S):
                for event in events:
                    await self._manager.emit(event.name, event.data, namespace="/", room=event.rooms)
        except AWAY as error:
            log.warning("the panel was not told", reason=type(error).__name__)
            self._again_at = loop.time() + _AWAY_FOR_S
