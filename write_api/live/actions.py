"""What clients may ask for: one function for each event, by its name."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec

from service.http.problems import NotFound, TooManyRequests
from write_api import panel_events
from write_api.acting import EITHER, Act
from write_api.answer import Answer, answer
from write_api.callers import signed_in_by
from write_api.live import rooms, shapes
from write_api.live.connections import OPEN_MAX, Connection
from write_api.live.floor import Floor, shown
from write_api.live.presence import Present
from write_api.messages import read_messages, write_message
from write_api.problems import Forbidden, NotSignedIn

_TYPED_EVERY_S = 1.0

Answered = dict[str, Any]


async def join(floor: Floor, connection: Connection, asked: shapes.Room) -> Answered:
    async def enter(act: Act) -> rooms.Room:
        return await rooms.entered(act, asked.room)

    room = await floor.office.run_as(connection.who, EITHER, None, enter)
    if floor.connections.get(connection.sid) is None:
        raise NotSignedIn("this connection has ended")
    if room.application is None or room.application in connection.open:
        await floor.open(connection, room.name)
        return {"room": asked.room}
    if len(connection.open) >= OPEN_MAX:
        raise TooManyRequests(f"{OPEN_MAX} applications are open here; leave one", retry_after_s=1)
    await floor.open(connection, room.name)
    connection.open.add(room.application)
    if not connection.is_admin:
        return {"room": asked.room}
    await floor.presence.enter(
        room.application, connection.sid, Present(connection.claims.subject, "viewing")
    )
    await floor.tell_present(room.application)
    return {"room": asked.room, "present": shown(await floor.presence.of(room.application))}


async def leave(floor: Floor, connection: Connection, asked: shapes.Room) -> Answered:
    application = rooms.application_of(asked.room)
    if asked.room in rooms.automatic(connection.claims.kind, connection.claims.subject):
        raise Forbidden("this room is left by disconnecting", rule="room")
    room = asked.room if application is None else _room(connection, application)
    if room not in connection.rooms:
        raise NotFound("you are not in this room")
    await floor.shut(connection, room, application)
    return {"room": asked.room}


async def present(floor: Floor, connection: Connection, asked: shapes.Application) -> Answered:
    _require_reviewing(connection, asked.application_id)
    return {"present": shown(await floor.presence.of(asked.application_id))}


async def change_state(floor: Floor, connection: Connection, asked: shapes.StateChange) -> Answered:
    _require_reviewing(connection, asked.application_id)
    now = Present(connection.claims.subject, asked.state)
    await floor.presence.enter(asked.application_id, connection.sid, now)
    await floor.tell_present(asked.application_id)
    return {}


async def start_typing(floor: Floor, connection: Connection, asked: shapes.Application) -> Answered:
    _require_open(connection, asked.application_id)
    now = asyncio.get_running_loop().time()
    if now - connection.typed_at.get(asked.application_id, -_TYPED_EVERY_S) >= _TYPED_EVERY_S:
        connection.typed_at[asked.application_id] = now
        await _typing(floor, connection, asked.application_id, "typing:start")
    return {}


async def stop_typing(floor: Floor, connection: Connection, asked: shapes.Application) -> Answered:
    _require_open(connection, asked.application_id)
    if connection.typed_at.pop(asked.application_id, None) is not None:
        await _typing(floor, connection, asked.application_id, "typing:stop")
    return {}


async def send_message(floor: Floor, connection: Connection, asked: shapes.NewMessage) -> Answered:
    floor.connections.count_message(connection, asyncio.get_running_loop().time())

    async def write(act: Act) -> Answer:
        row = await write_message(act, asked.application_id, asked.audience, asked.body)
        return answer({"id": row["id"], "created_at": row["created_at"]}, status=201)

    if asked.key is None:
        made = await floor.office.run_as(connection.who, EITHER, None, write)
    else:
        parts = ("message:send", str(asked.application_id), asked.audience, asked.body)
        hashed = sha256("\0".join(parts).encode()).digest()
        key = f"message:{asked.key}"
        made = await floor.office.write_as(connection.who, EITHER, None, key, hashed, write)
    written: Answered = msgspec.json.decode(made.body)
    return written


async def read_since(floor: Floor, connection: Connection, asked: shapes.Since) -> Answered:
    async def read(act: Act) -> Answered:
        found = await read_messages(act, asked.application_id, asked.after, asked.limit)
        return {"messages": msgspec.to_builtins(found), "more": len(found) == asked.limit}

    return await floor.office.run_as(connection.who, EITHER, None, read)


async def refresh_token(floor: Floor, connection: Connection, asked: shapes.Token) -> Answered:
    """A new token of the same session."""
    who = signed_in_by(
        asked.token, connection.who.request_id, connection.link.address, connection.link.agent, floor.tokens
    )
    new, old = who.signed_in(), connection.claims
    if (new.kind, new.subject, new.session) != (old.kind, old.subject, old.session):
        raise Forbidden("this token is of another session; connect anew with it", rule="session")

    async def enter(act: Act) -> frozenset[str]:
        return act.permissions

    connection.permissions = await floor.office.run_as(who, EITHER, None, enter)
    connection.who = who
    connection.checked_at = asyncio.get_running_loop().time()
    connection.is_told_of_expiry = False
    return {"expires_at": new.expires_at.isoformat()}


def _room(connection: Connection, application: UUID) -> str:
    name = panel_events.reviewers if connection.is_admin else panel_events.applicants
    return name(application)


def _require_open(connection: Connection, application: UUID) -> None:
    if application not in connection.open:
        raise Forbidden("join the room of this application first", rule="room")


def _require_reviewing(connection: Connection, application: UUID) -> None:
    _require_open(connection, application)
    if not connection.is_admin:
        raise Forbidden("who reviews is shown to reviewers alone", rule="room")


async def _typing(floor: Floor, connection: Connection, application: UUID, event: str) -> None:
    """Reviewers see it, whoever types; the applicant does not."""
    who = str(connection.claims.subject) if connection.is_admin else None
    data = {"application_id": str(application), "admin_id": who}
    await floor.tell(panel_events.reviewers(application), event, data, but=connection.sid)


@dataclass(frozen=True, slots=True)
class Action:
    shape: type[Any]
    run: Callable[[Floor, Connection, Any], Awaitable[Answered]]
    needs_token: bool = True


ACTIONS = {
    "join:room": Action(shapes.Room, join),
    "leave:room": Action(shapes.Room, leave),
    "presence:list": Action(shapes.Application, present),
    "presence:update": Action(shapes.StateChange, change_state),
    "typing:start": Action(shapes.Application, start_typing),
    "typing:stop": Action(shapes.Application, stop_typing),
    "message:send": Action(shapes.NewMessage, send_message),
    "messages:since": Action(shapes.Since, read_since),
    "token:refresh": Action(shapes.Token, refresh_token, needs_token=False),
}
