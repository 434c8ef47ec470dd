"""`pend-write`: what an operator runs. Ends with an exit code of docs/operations.md."""

from pathlib import Path

import click

from service.commands.ending import EXIT_PRIVILEGE, ended_well
from service.commands.group import LazyGroup
from service.commands.invocation import Invocation
from write_api.credentials.signing_key_file import SigningKeysInvalid
from write_api.encryption.errors import EncryptionError
from write_api.settings import WriteSettings
from write_api.storage.errors import StorageError

EXIT_KEYS, EXIT_STORAGE = 11, 12


@click.group(
    "pend-write",
    cls=LazyGroup,
    package="write_api.commands",
    names=("serve", "live", "work", "admin", "keys", "audit", "db", "openapi", "roles"),
    elsewhere={"config": "service.commands.config"},
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="TOML file; ./pend.toml when there is one. PEND_* variables win over it.",
)
@click.pass_context
def pend_write(context: click.Context, config_path: Path | None) -> None:
    """Users, KYC, assets, investments and administration."""
    context.obj = Invocation(WriteSettings, "pend-write", config_path)


def main() -> None:
    """Run a command; every failure is one message on stderr and its documented exit code."""
    ended_well(
        lambda: pend_write(standalone_mode=False),
        next_step=_NEXT_STEP,
        codes={EncryptionError: EXIT_KEYS, SigningKeysInvalid: EXIT_KEYS, StorageError: EXIT_STORAGE},
    )


_NEXT_STEP = {
    EXIT_PRIVILEGE: "Set database.role = pend_writer (pend_worker for `work`), granted to the login.",
    EXIT_KEYS: "Restore the key file from its backup; a new installation runs `pend-write keys create`.",
}

if __name__ == "__main__":
    main()
