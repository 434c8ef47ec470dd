"""Administrators who come the whole way: invited, set up, signed in with a second factor."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import pyotp

from tests.integration.write_api.offices import Client

Sql = psycopg.Connection[psycopg.rows.DictRow]

PASSWORD = "a quiet lorry of plums 7"


@dataclass(slots=True)
class Person:
    """What an administrator has and knows."""

    id: UUID
    email: str
    secret: str
    codes: list[str]
    password: str = PASSWORD

    def code(self, sql: Sql) -> str:
        """The code of now, as if none had been used in this half minute."""
        sql.execute("UPDATE admin_users SET totp_last_step = NULL WHERE id = %s", (self.id,))
        return pyotp.TOTP(self.secret).now()


def email() -> str:
    return f"someone-{secrets.token_hex(6)}@pend.example"


async def invited(by: Client, role: str = "kyc_verifier") -> tuple[UUID, str, str]:
    """Id, e-mail and setup token of a new administrator."""
    address = email()
    made = await by.post("/admin/admins", {"email": address, "name": "New Person", "role": role})
    return UUID(made["admin"]["id"]), address, made["setup_token"]


async def set_up(anyone: Client, id_: UUID, address: str, token: str) -> Person:
    """The ceremony of the setup token."""
    begun = await anyone.post("/auth/admin/setup", {"setup_token": token, "password": PASSWORD})
    code = pyotp.TOTP(begun["secret"]).now()
    done = await anyone.post("/auth/admin/setup/confirm", {"setup_token": token, "totp": code})
    return Person(id_, address, begun["secret"], done["recovery_codes"])


async def new_person(anyone: Client, by: Client, role: str = "kyc_verifier") -> Person:
    return await set_up(anyone, *await invited(by, role))


async def challenged(anyone: Client, person: Person) -> Any:
    """E-mail and password, answered with a challenge."""
    return await anyone.post("/auth/admin/sign-in", {"email": person.email, "password": person.password})


async def admin_signed_in(anyone: Client, person: Person, sql: Sql) -> Client:
    """With a TOTP code."""
    challenge = await challenged(anyone, person)
    answer = {"challenge_id": challenge["challenge_id"], "totp": person.code(sql)}
    return admin_client(anyone, person, await anyone.post("/auth/admin/second-factor", answer))


def admin_client(anyone: Client, person: Person, tokens: Any) -> Client:
    return Client(
        anyone.session,
        tokens["access_token"],
        person.id,
        None,
        tokens["refresh_token"],
        UUID(tokens["session_id"]),
    )


def ids_removed(problem: Any) -> Any:
    """A problem without what names the request."""
    return {name: value for name, value in problem.items() if name != "request_id"}


@contextmanager
def acting_as(dsn: str) -> Iterator[Callable[[Client], psycopg.Connection[psycopg.rows.DictRow]]]:
    """`acting(client)` is a connection that is pend_writer in a transaction of that administrator."""
    opened: list[psycopg.Connection[psycopg.rows.DictRow]] = []

    def acting(client: Client) -> psycopg.Connection[psycopg.rows.DictRow]:
        connection = psycopg.connect(dsn, row_factory=psycopg.rows.dict_row)
        opened.append(connection)
        connection.execute("SET ROLE pend_writer")
        entered = connection.execute(
            "SELECT admin_id FROM account.enter_admin(%s, 1, 'test', '127.0.0.1')", (client.session_id,)
        ).fetchone()
        assert entered == {"admin_id": client.id}
        return connection

    try:
        yield acting
    finally:
        for connection in opened:
            connection.close()
