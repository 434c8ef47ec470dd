"""Connections come, ask and go: every answer is an acknowledgement, and every failure a problem in one."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec
from socketio.exceptions import ConnectionRefusedError as Refused

from service.http.problems import Problem, TimedOut
from write_api.acting import EITHER, Act
from write_api.bodies import parse_body
from write_api.callers import Caller, signed_in_by
from write_api.faults import problem_of
from write_api.live import rooms
from write_api.live.actions import ACTIONS
from write_api.live.connections import Connection
from write_api.live.floor import Floor
from write_api.live.link import POLICY, Link
from write_api.problems import FieldFault, Invalid, NotSignedIn

_WITHIN_S = 10.0
_REFUSED_S = 2.0


@dataclass(slots=True)
class Panel:
    floor: Floor
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    _process: str = field(default_factory=lambda: uuid4().hex[:12])

    def __post_init__(self) -> None:
        server = self.floor.server
        server.on("connect", self.connect)
        server.on("disconnect", self.disconnect)
        server.on("*", self.receive)

    async def connect(self, sid: str, environ: dict[str, Any], auth: object) -> None:
        link: Link = environ["asgi.scope"]["pend.link"]
        request_id = self._request_id()
        try:
            async with _timed():
                await self._enter(sid, link, self._caller(link, auth, request_id))
        except Exception as error:  # noqa: BLE001  every failure is an answer
            problem = problem_of(error, request_id)
            self.floor.metrics.refused.labels(str(problem.status)).inc()
            link.close_soon(_REFUSED_S, POLICY, problem.title)
            raise Refused(problem.title, _details(problem, "connect", request_id)) from None

    async def disconnect(self, sid: str, _reason: str) -> None:
        await self.floor.forget(sid)

    async def receive(self, event: str, sid: str, *data: object) -> dict[str, Any] | None:
        connection = self.floor.connections.get(sid)
        if connection is None:
            return None
        begun = time.perf_counter()
        known, status = event if event in ACTIONS else "unknown", 200
        request_id = self._request_id()
        try:
            async with _timed():
                answered = await self._answer(connection, event, data, request_id)
        except Exception as error:  # noqa: BLE001  every failure is an answer
            problem = problem_of(error, request_id)
            status = problem.status
            if isinstance(problem, NotSignedIn) and event != "token:refresh":
                self._after_token_failure(connection, problem)
            return {"ok": False, "problem": _details(problem, known, request_id)}
        finally:
            self.floor.metrics.events.labels(known, str(status)).inc()
            self.floor.metrics.seconds.observe(time.perf_counter() - begun)
        return {"ok": True, **answered}

    async def _answer(
        self, connection: Connection, event: str, data: tuple[object, ...], request_id: str
    ) -> dict[str, Any]:
        self.floor.limiter.admit(connection.who, [])
        action = ACTIONS.get(event)
        if action is None:
            raise Invalid([FieldFault("event", f"is not known here; known are {', '.join(ACTIONS)}")])
        if len(data) != 1:
            raise Invalid([FieldFault("", "one object comes with an event")])
        asked = parse_body(msgspec.json.encode(data[0]), action.shape)
        if action.needs_token:
            connection.require_token()
        connection.who.request_id = request_id
        return await action.run(self.floor, connection, asked)

    def _caller(self, link: Link, auth: object, request_id: str) -> Caller:
        token = auth.get("token") if isinstance(auth, dict) else None
        if not isinstance(token, str):
            raise NotSignedIn("connect with auth: {token: <access token>}")
        return signed_in_by(token, request_id, link.address, link.agent, self.floor.tokens)

    async def _enter(self, sid: str, link: Link, who: Caller) -> None:
        floor, claims = self.floor, who.signed_in()
        if await floor.sessions.has_ended(claims.session):
            raise NotSignedIn("this session has ended; sign in again")

        async def permissions(act: Act) -> frozenset[str]:
            return act.permissions

        granted = await floor.office.run_as(who, EITHER, None, permissions)
        connection = Connection(sid, link, who, granted, asyncio.get_running_loop().time())
        floor.connections.add(connection)
        link.is_signed_in = True
        floor.metrics.connections.labels(claims.kind).inc()
        for room in rooms.automatic(claims.kind, claims.subject):
            await floor.server.enter_room(sid, room)

    def _after_token_failure(self, connection: Connection, problem: Problem) -> None:
        """The database says that the session is over: once the answer has gone, so is the connection."""
        if connection.expired_s(datetime.now(UTC)) < 0:
            self.floor.behind(self.floor.end(connection, "session_ended", problem.detail))

    def _request_id(self) -> str:
        return f"{self._process}-{next(self._numbers):x}"


@asynccontextmanager
async def _timed() -> AsyncIterator[None]:
    """Raises `TimedOut`."""
    try:
        async with asyncio.timeout(_WITHIN_S):
            yield
    except TimeoutError:
        raise TimedOut(f"no answer within {_WITHIN_S:g} s", retry_after_s=1) from None


def _details(problem: Problem, event: str, request_id: str) -> dict[str, Any]:
    made: dict[str, Any] = msgspec.to_builtins(problem.details(event, request_id))
    return made
