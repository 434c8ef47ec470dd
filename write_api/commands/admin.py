"""`pend-write admin`: who administers. Acts as the login of database.dsn, who must own the schema."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

import click

from postgres.connections import OwnConnection
from postgres.errors import PrivilegeMissing, Refused, UniqueConflict, translated
from postgres.pool import connect
from postgres.queries import load
from service.commands.invocation import Invocation, pass_invocation
from write_api.credentials import setup_tokens
from write_api.inputs import emails, texts
from write_api.inputs.errors import InvalidInput
from write_api.settings import WriteSettings

queries = load("write_admins")

ROLES = ("super_admin", "asset_manager", "kyc_verifier", "auditor", "viewer")
_NAME_CHARACTERS_MAX = 100

T = TypeVar("T")


class AdminsNotAllowed(PrivilegeMissing):
    """The login may not change administrators."""

    next_step = (
        "Let database.dsn log in as the owner of the schema, or as one whom pend_owner was granted to."
    )


@click.group("admin")
def admin() -> None:
    """Invite, list, reset and disable administrators. The first super_admin is made here, nowhere else."""


@admin.command("create")
@click.option("--email", required=True, help="What the administrator signs in with.")
@click.option("--name", required=True, help="What others see.")
@click.option("--role", type=click.Choice(ROLES), required=True, help="What the administrator may do.")
@pass_invocation
def create(invocation: Invocation[WriteSettings], *, email: str, name: str, role: str) -> None:
    """Print a setup token, once: with it the administrator chooses password and second factor."""
    plain = _parsed("--email", lambda: emails.parse(email))
    shown = _parsed("--name", lambda: texts.parse(name, characters_max=_NAME_CHARACTERS_MAX))
    token = setup_tokens.new()

    async def write(connection: OwnConnection) -> None:
        hashed = setup_tokens.digest(token)
        await queries.create_admin.value(connection, plain, shown, role, hashed, setup_tokens.HOURS)

    try:
        _with_owner(invocation, write)
    except UniqueConflict:
        raise click.BadParameter(
            "an administrator has this e-mail already; `pend-write admin list` shows all",
            param_hint="--email",
        ) from None
    _hand_over(token, f"{plain} is a {role} once the setup is done.")


@admin.command("reset-mfa")
@click.argument("email")
@pass_invocation
def reset_mfa(invocation: Invocation[WriteSettings], *, email: str) -> None:
    """Take password and second factors of EMAIL away, end the sessions, and print a setup token, once.

    One who was disabled may act again.
    """
    plain = _parsed("EMAIL", lambda: emails.parse(email))
    token = setup_tokens.new()

    async def write(connection: OwnConnection) -> object:
        return await queries.reset_admin.value(
            connection, plain, setup_tokens.digest(token), setup_tokens.HOURS
        )

    _known(_with_owner(invocation, write))
    _hand_over(token, f"Password and second factors of {plain} are gone; every session has ended.")


@admin.command("disable")
@click.argument("email")
@pass_invocation
def disable(invocation: Invocation[WriteSettings], *, email: str) -> None:
    """Let EMAIL act no more, at once; harmless to repeat. The last super_admin stays."""
    plain = _parsed("EMAIL", lambda: emails.parse(email))

    async def write(connection: OwnConnection) -> object:
        return await queries.disable_admin.value(connection, plain)

    try:
        _known(_with_owner(invocation, write))
    except Refused as error:
        raise click.BadParameter(error.why, param_hint="EMAIL") from None
    click.echo(f"disabled {plain}")


@admin.command("list")
@pass_invocation
def list_admins(invocation: Invocation[WriteSettings]) -> None:
    """Every administrator, by e-mail."""
    for row in _with_owner(invocation, queries.list_admins.many):
        state = "disabled" if not row["is_active"] else "in force" if row["is_set_up"] else "invited"
        last = "never" if row["last_login_at"] is None else row["last_login_at"].isoformat(timespec="seconds")
        click.echo(f"{row['email']}  {row['role']:<13}  {state:<8}  last sign-in {last}  {row['name']}")


def _hand_over(token: str, said: str) -> None:
    click.echo(token)
    click.echo(f"{said} The token holds {setup_tokens.HOURS} hours and is not shown again.", err=True)


def _known(found: object) -> None:
    if found is None:
        raise click.BadParameter(
            "no administrator has this e-mail; `pend-write admin list` shows all", param_hint="EMAIL"
        )


def _parsed(hint: str, parse: Callable[[], str]) -> str:
    try:
        return parse()
    except InvalidInput as error:
        raise click.BadParameter(error.reason, param_hint=hint) from None


def _with_owner(invocation: Invocation[WriteSettings], work: Callable[[OwnConnection], Awaitable[T]]) -> T:
    given = invocation.settings().database.connection_settings("pend-write admin")

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
        raise AdminsNotAllowed(
            "this login may not change administrators (account.admin_users)", sqlstate=error.sqlstate
        ) from error
