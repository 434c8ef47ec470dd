"""`pend-write db`: what a development database is filled with."""

import asyncio

import click

from service.commands.invocation import Invocation, pass_invocation
from write_api.settings import WriteSettings

_WALLETS_SHOWN = 5


@click.group("db")
def db() -> None:
    """The database of the write API; `pend-index db migrate` makes its schema."""


@db.command("seed")
@click.option(
    "--users", type=click.IntRange(1, 100_000), default=60, show_default=True, help="How many users."
)
@click.option("--seed", type=int, default=1, show_default=True, help="The same number makes the same data.")
@click.option("--force", is_flag=True, help="Add to a database that has users already.")
@pass_invocation
def seed(invocation: Invocation[WriteSettings], *, users: int, seed: int, force: bool) -> None:
    """Fill a database for development: administrators of every role, and the rest in every state.

    Prints how each administrator and some wallets sign in. Never for a database that is used: everybody can
    derive these wallets and passwords.
    """
    from write_api.seeding.seeding import SeedRefused, seed_database  # noqa: PLC0415  takes long to read

    try:
        planned, secrets = asyncio.run(seed_database(invocation.settings(), users, seed, force=force))
    except SeedRefused as error:
        raise click.ClickException(str(error)) from None
    assets, investments = len(planned.assets), len(planned.investments)
    click.echo(f"{len(planned.users)} users, {assets} assets, {investments} investments")
    click.echo("administrators: e-mail, password, TOTP secret")
    for admin in planned.admins:
        click.echo(f"  {admin.email:<40}  {admin.password}  {secrets[admin.id]}")
    click.echo("wallets: address, private key, status, tier")
    for user in planned.users[:_WALLETS_SHOWN]:
        click.echo(f"  0x{user.wallet.hex()}  0x{user.private_key.hex()}  {user.status:<9}  {user.tier}")
