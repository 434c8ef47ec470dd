"""Which rooms there are, and who may be in them.

Everyone is in "everyone", administrators in "admins", a user in "applicant:<own id>": by themselves.
"""

from dataclasses import dataclass
from uuid import UUID

from service.http.problems import NotFound
from write_api import panel_events
from write_api.acting import Act, queries
from write_api.problems import FieldFault, Forbidden, Invalid

EVERYONE, ADMINS = "everyone", "admins"
_PERMISSIONS = {"kyc": "kyc.read", "assets": "assets.read"}
_KNOWN = "kyc, assets, application:<id>"


@dataclass(frozen=True, slots=True)
class Room:
    """`application` where it is one of an application; `name` as sockets are in it."""

    name: str
    application: UUID | None = None


def automatic(kind: str, subject: UUID) -> tuple[str, ...]:
    """The rooms of a new connection."""
    return (EVERYONE, ADMINS) if kind == "admin" else (EVERYONE, panel_events.applicant(subject))


def permission_of(room: str) -> str | None:
    """What an administrator needs as long as he is in it."""
    return "kyc.read" if room.startswith("application:") else _PERMISSIONS.get(room)


def application_of(room: str) -> UUID | None:
    """Raises `Invalid`."""
    kind, _, id_ = room.partition(":")
    if kind != "application":
        return None
    try:
        return UUID(id_)
    except ValueError:
        raise Invalid([FieldFault("room", "application:<id> has the id of an application, a UUID")]) from None


async def entered(act: Act, room: str) -> Room:
    """The room, for who acts. Raises `Forbidden`, `NotFound`, `Invalid`."""
    application = application_of(room)
    if application is not None:
        return await _application(act, application)
    if room in automatic("user" if act.admin_id is None else "admin", act.me):
        return Room(room)
    if room == ADMINS or room.startswith("applicant:"):
        raise Forbidden("nobody else is in this room than whose it is", rule="room")
    permission = _PERMISSIONS.get(room)
    if permission is None:
        raise Invalid([FieldFault("room", f"is not known here; known are {_KNOWN}")])
    if act.admin_id is None:
        raise Forbidden("this room is for administrators", rule=permission)
    act.require(permission)
    return Room(room)


async def _application(act: Act, id_: UUID) -> Room:
    if act.admin_id is not None:
        act.require("kyc.read")
    if await act.one(queries.select_conversation, id_, act.user_id) is None:
        raise NotFound("there is no such application")
    name = panel_events.applicants(id_) if act.admin_id is None else panel_events.reviewers(id_)
    return Room(name, id_)
