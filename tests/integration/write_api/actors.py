"""Those who ask the database: each says who it is, as far as it says anything."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg

from tests.integration.write_api.named import ADMINS, USERS, uuid

Actor = Callable[[psycopg.Cursor[Any]], object]


def _enter(kind: str, id_: UUID) -> Actor:
    return lambda cursor: cursor.execute(
        "SELECT account.enter(%s, %s, NULL, 'a request', '203.0.113.7')", (kind, id_)
    )


def _set(name: str, value: str) -> Actor:
    return lambda cursor: cursor.execute("SELECT set_config(%s, %s, true)", (name, value))


OUTSIDERS: dict[str, Actor] = {
    "without settings": lambda cursor: cursor,
    "nobody": lambda cursor: cursor.execute("SELECT account.enter_anyone('a request', '203.0.113.7')"),
    "user ' OR true --": _set("app.current_user_id", "' OR true --"),
    "user not-a-uuid": _set("app.current_user_id", "not-a-uuid"),
    "admin ' OR true --": _set("app.current_admin_id", "' OR true --"),
}
ACTORS: dict[str, Actor] = {
    **{name: OUTSIDERS[name] for name in ("without settings", "nobody")},
    **{name: _enter("user", id_) for name, id_ in USERS.items()},
    **{name: _enter("admin", id_) for name, id_ in ADMINS.items()},
    "unknown user": _enter("user", uuid("no user")),
    "unknown admin": _enter("admin", uuid("no admin")),
}
