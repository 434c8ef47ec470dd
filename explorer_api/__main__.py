"""`pend-explorer`: what an operator runs. Ends with an exit code of docs/operations.md."""

import importlib
from pathlib import Path

import click

from explorer_api.commands.context import Invocation
from explorer_api.commands.ending import ended_well

_COMMANDS = ("serve", "stream", "keys", "config", "openapi")


class Commands(click.Group):
    """Reads the module of a command when it is asked for."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"explorer_api.commands.{name}"), name)
        return command


@click.group("pend-explorer", cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="TOML file; ./pend.toml when there is one. PEND_* variables win over it.",
)
@click.pass_context
def pend_explorer(context: click.Context, config_path: Path | None) -> None:
    """Serves what pend-index has stored, read-only."""
    context.obj = Invocation(config_path)


def main() -> None:
    """Run a command; every failure is one message on stderr and its documented exit code."""
    ended_well(lambda: pend_explorer(standalone_mode=False))


if __name__ == "__main__":
    main()
