"""`pend-explorer`: what an operator runs. Ends with an exit code of docs/operations.md."""

from pathlib import Path

import click

from explorer_api.settings import ExplorerSettings
from service.commands.ending import EXIT_PRIVILEGE, ended_well
from service.commands.group import LazyGroup
from service.commands.invocation import Invocation


@click.group(
    "pend-explorer",
    cls=LazyGroup,
    package="explorer_api.commands",
    names=("serve", "stream", "keys", "openapi"),
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
def pend_explorer(context: click.Context, config_path: Path | None) -> None:
    """Serves what pend-index has stored, read-only."""
    context.obj = Invocation(ExplorerSettings, "pend-explorer", config_path)


def main() -> None:
    """Run a command; every failure is one message on stderr and its documented exit code."""
    ended_well(lambda: pend_explorer(standalone_mode=False), next_step=_NEXT_STEP)


_NEXT_STEP = {
    EXIT_PRIVILEGE: "Set database.role = pend_explorer, and grant that role to the login.",
}

if __name__ == "__main__":
    main()
