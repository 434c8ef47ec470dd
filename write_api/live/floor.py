"""What everything of the panel works with: who is connected, and how they are told and ended."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from write_api import panel_events
from write_api.acting import Office
from write_api.credentials.access_tokens import AccessTokens
from write_api.limiting import Limiter
from write_api.live.connections import Connection, Connections
from write_api.live.link import POLICY
from write_api.live.metrics import LiveMetrics
from write_api.live.presence import Presence, Present
from write_api.live.rooms import EVERYONE
from write_api.live.socket_server import NAMESPACE, SocketServer
from write_api.session_cache import SessionCache

_FLUSHED_S = 0.5


@dataclass(slots=True)
class Floor:
    """One for each process."""

    server: SocketServer
    office: Office
    tokens: AccessTokens
    sessions: SessionCache
    limiter: Limiter
    presence: Presence
    metrics: LiveMetrics
    token_grace_s: float
    connections: Connections = field(default_factory=Connections)
    _behind: "set[asyncio.Task[None]]" = field(default_factory=set)

    async def tell(self, room: str, event: str, data: dict[str, Any], *, but: str | None = None) -> None:
        """Everybody in the room, in every process; `but` is a connection that is not told."""
        await self.server.manager.emit(event, data, namespace=NAMESPACE, room=room, skip_sid=but)

    async def tell_here(self, room: str, event: str, data: dict[str, Any]) -> None:
        """Whoever of them is connected to this process."""
        await self.server.manager.emit(event, data, namespace=NAMESPACE, room=room, ignore_queue=True)

    async def tell_present(self, application: UUID, *, here: bool = False) -> None:
        present = await self.presence.of(application)
        data = {"application_id": str(application), "present": shown(present)}
        tell = self.tell_here if here else self.tell
        await tell(panel_events.reviewers(application), "presence:updated", data)

    async def open(self, connection: Connection, room: str) -> None:
        await self.server.enter_room(connection.sid, room)
        connection.rooms.add(room)

    async def shut(self, connection: Connection, room: str, application: UUID | None) -> None:
        """Out of the room, and no longer present."""
        await self.server.leave_room(connection.sid, room)
        connection.rooms.discard(room)
        if application is not None and application in connection.open:
            connection.open.discard(application)
            connection.typed_at.pop(application, None)
            if connection.is_admin:
                await self.presence.leave(application, connection.sid)
                await self.tell_present(application)

    async def forget(self, sid: str) -> None:
        """It is disconnected."""
        connection = self.connections.remove(sid)
        if connection is None:
            return
        self.metrics.connections.labels(connection.claims.kind).dec()
        for application in list(connection.open):
            connection.open.discard(application)
            if connection.is_admin:
                await self.presence.leave(application, sid)
                await self.tell_present(application)

    async def end(self, connection: Connection, reason: str, detail: str) -> None:
        """Tell a client why, and disconnect it for good: the stock one does not come back by itself."""
        if self.connections.get(connection.sid) is None:
            return
        self.metrics.ended.labels(reason).inc()
        await self.tell_here(connection.sid, "session:ended", {"reason": reason, "detail": detail})
        await self.server.disconnect(connection.sid)
        connection.link.close_soon(_FLUSHED_S, POLICY, reason)

    def missed(self) -> None:
        """Redis was away: what other processes said meanwhile is to be read anew."""
        self.behind(self.tell_here(EVERYONE, "panel:missed", _now()))

    def behind(self, work: Coroutine[Any, Any, None]) -> None:
        """Not waited for."""
        task = asyncio.ensure_future(work)
        self._behind.add(task)
        task.add_done_callback(self._behind.discard)

    async def close(self) -> None:
        """The process ends."""
        await self.tell_here(EVERYONE, "panel:closing", _now())
        for connection in self.connections:
            await self.forget(connection.sid)


def shown(present: list[Present]) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = msgspec.to_builtins(present)
    return made


def _now() -> dict[str, Any]:
    return {"at": datetime.now(UTC).isoformat()}
