"""`pend-explorer keys`: who may ask by key. Acts as the login of database.dsn, who must own the schema."""

import asyncio
import re
import secrets
from base64 import b32encode
from collections.abc import Awaitable, Callable
from dataclasses import replace
from hashlib import sha256
from typing import TypeVar

import click

from explorer_api.settings import ExplorerSettings
from postgres.connections import OwnConnection
from postgres.errors import PrivilegeMissing, translated
from postgres.pool import connect
from postgres.queries import load
from service.commands.invocation import Invocation, pass_invocation

queries = load("explorer_keys")

TIERS = ("standard", "partner")
_SECRET_BYTES = 20
_ID_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_UNITS_S = {"m": 60, "h": 3_600, "d": 86_400}
_SPAN = re.compile(r"([1-9][0-9]{0,5})([mhd])\Z")

T = TypeVar("T")


class KeysNotAllowed(PrivilegeMissing):
    """The login may not write keys."""

    next_step = (
        "Let database.dsn log in as the owner of the schema, or as one whom pend_owner was granted to."
    )


@click.group("keys")
def keys() -> None:
    """Issue, list and revoke API keys. Running explorers follow within five seconds."""


@keys.command("issue")
@click.option("--name", required=True, help="Who the key is for.")
@click.option("--tier", type=click.Choice(TIERS), required=True, help="Whose limits it has.")
@click.option("--expires-in", help="Such as 30m, 12h or 90d; without it the key holds until it is revoked.")
@pass_invocation
def issue(invocation: Invocation[ExplorerSettings], *, name: str, tier: str, expires_in: str | None) -> None:
    """Print a new key, once: only its hash is kept."""
    if not name.strip():
        raise click.BadParameter("is empty; say who the key is for", param_hint="--name")
    seconds = None if expires_in is None else _seconds(expires_in)
    id_, key = new_key()

    async def write(connection: OwnConnection) -> None:
        await queries.insert_api_key.exec(
            connection, id_, name.strip(), sha256(key.encode()).digest(), tier, seconds
        )

    _with_owner(invocation, write)
    click.echo(key)
    click.echo(f"Key {id_} is in force; it is not shown again.", err=True)


@keys.command("list")
@pass_invocation
def list_keys(invocation: Invocation[ExplorerSettings]) -> None:
    """Every key that was issued, without its secret."""
    rows = _with_owner(invocation, queries.select_every_api_key.many)
    for row in rows:
        expires = "never" if row["expires_at"] is None else row["expires_at"].isoformat(timespec="seconds")
        created = row["created_at"].isoformat(timespec="seconds")
        dates = f"created {created}  expires {expires}"
        click.echo(f"{row['id']}  {row['state']:<8}  {row['tier']:<8}  {dates}  {row['name']}")


@keys.command("revoke")
@click.argument("id_", metavar="ID")
@pass_invocation
def revoke(invocation: Invocation[ExplorerSettings], *, id_: str) -> None:
    """Take the key with this ID out of force; harmless to repeat."""

    async def write(connection: OwnConnection) -> str | None:
        revoked: str | None = await queries.revoke_api_key.value(connection, id_)
        return revoked

    if _with_owner(invocation, write) is None:
        raise click.BadParameter("no key has this ID; `pend-explorer keys list` shows all", param_hint="ID")
    click.echo(f"revoked {id_}")


def new_key() -> tuple[str, str]:
    """An ID, and the key that carries it with 160 random bits."""
    id_ = "".join(secrets.choice(_ID_CHARACTERS) for _ in range(8))
    secret = b32encode(secrets.token_bytes(_SECRET_BYTES)).decode().lower()
    return id_, f"pend_{id_}_{secret}"


def _seconds(span: str) -> float:
    found = _SPAN.match(span)
    if found is None:
        raise click.BadParameter(f"{span!r} is no span such as 30m, 12h or 90d", param_hint="--expires-in")
    return float(int(found[1]) * _UNITS_S[found[2]])


def _with_owner(invocation: Invocation[ExplorerSettings], work: Callable[[OwnConnection], Awaitable[T]]) -> T:
    given = invocation.settings().database.connection_settings("pend-explorer keys")

    async def run() -> T:
        connection = await connect(replace(given, role=None))
        try:
            with translated():
                return await work(connection)
        finally:
            connection.terminate()

    try:
        return asyncio.run(run())
    except PrivilegeMissing as error:
        raise KeysNotAllowed(
            "this login may not read and write API keys (ops.api_keys)", sqlstate=error.sqlstate
        ) from error
