"""`pend-write keys`: master keys, which wrap data keys, and the keys that sign access tokens."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click
from pydantic import SecretStr

from service.commands.invocation import Invocation, pass_invocation
from service.settings_faults import SettingsInvalid
from write_api.credentials import signing_keys
from write_api.definer_sessions import definer_session
from write_api.encryption import key_file
from write_api.encryption.key_command import KeyCommand, new_index
from write_api.encryption.key_entries import new_entries, parse, render, with_new_key
from write_api.encryption.master_keys import check_named
from write_api.key_stores import open_master_keys
from write_api.settings import WriteSettings
from write_api.wrapping import named_keys, wrap_anew

_SIGNING_MARGIN_S = 60
_UNSET = "to be made"
_TO_BE_MADE = {"encryption.keys": _UNSET, "encryption.command_index": _UNSET}


@click.group("keys")
def keys() -> None:
    """Make and rotate the keys of this installation."""


@keys.command("create")
@pass_invocation
def create(invocation: Invocation[WriteSettings]) -> None:
    """Make the key store and the file of signing keys; never in place of one that is there.

    Keep a copy of the key store where the database's backups are not: without it what it sealed is lost.
    """
    try:
        settings = invocation.settings()
    except SettingsInvalid:
        settings = invocation.settings(dict(_TO_BE_MADE))  # what this command prints is not there yet
    encryption = settings.encryption
    if encryption.source == "file":
        _make("master keys", encryption.keys_file, key_file.new_key_file)
    elif encryption.source == "environment" and _is_to_be_made(encryption.keys):
        click.echo("Set encryption.keys to these lines, and keep a copy:")
        click.echo(render(new_entries()), nl=False)
    elif encryption.source == "command" and _is_to_be_made(encryption.command_index):
        index = asyncio.run(new_index(KeyCommand(encryption.command), encryption.command_key_id))
        click.echo(f"Set encryption.command_index, and keep a copy:\n{index}")
    else:
        click.echo(f"master keys: the {encryption.source} has some already, and they stay as they are")
    _make(
        "signing keys", settings.sign_in.keys_file, lambda file: signing_keys.create(file, datetime.now(UTC))
    )


@keys.command("rotate")
@click.option("--signing", is_flag=True, help="The key that signs access tokens instead; signs nobody out.")
@pass_invocation
def rotate(invocation: Invocation[WriteSettings], *, signing: bool) -> None:
    """Make a new master key and wrap every data key with it, while the API goes on.

    A rotation that was broken off is ended first, without another key. Where the keys come from a variable or
    from a key service, the new one is set there first; then this wraps.
    """
    settings = invocation.settings()
    if signing:
        keep_s = settings.sign_in.access_s + _SIGNING_MARGIN_S
        made = signing_keys.rotate(settings.sign_in.keys_file, keep_s, datetime.now(UTC))
        click.echo(f"access tokens are signed with {made}; older ones hold until they expire")
        return
    asyncio.run(_rotate(settings))


@keys.command("status")
@pass_invocation
def status(invocation: Invocation[WriteSettings]) -> None:
    """Say which master keys wrap how many data keys; exit code 11 when one of them is lost."""
    asyncio.run(_status(invocation.settings()))


async def _rotate(settings: WriteSettings) -> None:
    encryption = settings.encryption
    store = await open_master_keys(encryption)
    async with definer_session(settings, "keys") as connection:
        named = await named_keys(connection)
        check_named(store, named)
        if set(named) <= {store.current_id}:
            if encryption.source == "environment":
                assert encryption.keys is not None
                entries = parse(encryption.keys.get_secret_value(), store.source)
                click.echo("Set encryption.keys to these lines, restart every process, and run this again:")
                click.echo(render(with_new_key(entries)), nl=False)
                return
            if encryption.source == "command":
                click.echo(
                    "Every data key is wrapped by the current key. For another one set "
                    "encryption.command_key_id, add the present one to command_old_key_ids, "
                    "restart, and run this again."
                )
                return
            click.echo(f"made master key {key_file.add_key(encryption.keys_file)}")
            store = await open_master_keys(encryption)
        wrapped = await wrap_anew(connection, store)
        left = sum(count for key, count in (await named_keys(connection)).items() if key != store.current_id)
    click.echo(f"wrapped {wrapped} data keys with master key {store.current_id}; {left} are left to others")
    if not left and encryption.source != "command":
        click.echo("Older master keys can be removed once no backup that names them is kept.")


async def _status(settings: WriteSettings) -> None:
    store = await open_master_keys(settings.encryption)
    async with definer_session(settings, "keys") as connection:
        named = await named_keys(connection)
    click.echo(f"master keys from {store.source}")
    for key in sorted(store.ids() | set(named)):
        what = "current" if key == store.current_id else "kept" if key in store.ids() else "LOST"
        click.echo(f"{key:<32}  {what:<7}  {named.get(key, 0)} data keys")
    check_named(store, named)


def _make(what: str, file: Path, make: Callable[[Path], str]) -> None:
    if file.exists():
        click.echo(f"{what}: {file} is there already and stays as it is")
    else:
        click.echo(f"{what}: made {make(file)} in {file}")


def _is_to_be_made(secret: SecretStr | None) -> bool:
    return secret is not None and secret.get_secret_value() == _UNSET
