"""Connections whose token or session is over are ended, whether or not they ask for anything."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from postgres.errors import DatabaseError
from service.http.problems import Problem
from write_api.acting import EITHER, Act
from write_api.live.connections import Connection
from write_api.live.floor import Floor
from write_api.live.presence import BEAT_S
from write_api.live.rooms import application_of, permission_of
from write_api.problems import NotSignedIn

log = structlog.get_logger(__name__)

_TICK_S, _REDIS_EVERY_S = 0.5, 2.0
_AT_ONCE = 4
_UNCHECKED = 5
"""Times that a session may have missed its check before it is ended: nobody knows whether it is in force."""


@dataclass(slots=True)
class Watch:
    floor: Floor
    check_every_s: float
    """A session is looked up in the database at least this often."""

    async def tokens_and_sessions(self) -> None:
        """For ever."""
        loop = asyncio.get_running_loop()
        redis_at = loop.time()
        while True:
            await asyncio.sleep(_TICK_S)
            try:
                await self._tokens()
                if loop.time() - redis_at >= _REDIS_EVERY_S:
                    redis_at = loop.time()
                    await self._ended_in_redis()
                await self._sessions(loop.time())
            except (DatabaseError, Problem) as error:
                log.warning("sessions could not be checked", reason=type(error).__name__)

    async def presence(self) -> None:
        """For ever: who came and went in other processes, those that were killed included."""
        while True:
            await asyncio.sleep(BEAT_S)
            for application, _ in await self.floor.presence.changed():
                await self.floor.tell_present(application, here=True)

    async def _tokens(self) -> None:
        now, grace_s = datetime.now(UTC), self.floor.token_grace_s
        loop_now = asyncio.get_running_loop().time()
        for connection in self.floor.connections:
            if connection.link.is_stalled(loop_now):
                self.floor.metrics.ended.labels("stalled").inc()
                connection.link.abort()
                continue
            over_s = connection.expired_s(now)
            if over_s >= 0 and not connection.is_told_of_expiry:
                connection.is_told_of_expiry = True
                await self.floor.tell_here(connection.sid, "token:expired", {"grace_s": grace_s})
            elif over_s >= grace_s:
                await self.floor.end(connection, "token_expired", "the access token has expired")

    async def _ended_in_redis(self) -> None:
        connections = list(self.floor.connections)
        ended = await self.floor.sessions.ended_of({each.claims.session for each in connections})
        for connection in connections:
            if connection.claims.session in ended:
                await self._end(connection)

    async def _sessions(self, now: float) -> None:
        due: dict[object, list[Connection]] = defaultdict(list)
        for connection in self.floor.connections:
            if now - connection.checked_at >= self.check_every_s * 0.9:
                due[connection.claims.session].append(connection)
        waiting = list(due.values())
        while waiting:
            batch, waiting = waiting[:_AT_ONCE], waiting[_AT_ONCE:]
            await asyncio.gather(*(self._session(each, now) for each in batch))

    async def _session(self, connections: list[Connection], now: float) -> None:
        async def permissions(act: Act) -> frozenset[str]:
            return act.permissions

        try:
            granted = await self.floor.office.run_as(connections[0].who, EITHER, None, permissions)
        except NotSignedIn:
            for connection in connections:
                await self._end(connection)
            return
        except (DatabaseError, Problem):
            for connection in connections:
                if now - connection.checked_at >= self.check_every_s * _UNCHECKED:
                    await self.floor.end(connection, "unchecked", "the database does not answer")
            raise
        for connection in connections:
            connection.checked_at = now
            connection.permissions = granted
            await self._leave_what_is_no_longer_allowed(connection)

    async def _leave_what_is_no_longer_allowed(self, connection: Connection) -> None:
        if not connection.is_admin:
            return
        for room in list(connection.rooms):
            needed = permission_of(room)
            if needed is not None and needed not in connection.permissions:
                named = room.removesuffix(":reviewers")
                await self.floor.shut(connection, room, application_of(named))
                await self.floor.tell_here(connection.sid, "room:left", {"room": named, "rule": needed})

    async def _end(self, connection: Connection) -> None:
        await self.floor.end(connection, "session_ended", "this session has ended; sign in again")
