"""`pend-index`: what an operator runs. Ends with an exit code of docs/operations.md."""

import importlib
import logging
import sys
from pathlib import Path

import click
from click.exceptions import NoSuchCommand

from indexer.commands.context import Invocation
from indexer.errors import EXIT_DEFECT, exit_code, explain

_COMMANDS = ("run", "backfill", "status", "verify", "rebuild", "redecode", "abi", "db", "config", "devnet")


class Commands(click.Group):
    """Reads the module of a command when it is asked for: some take longer to read than others to run."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            raise NoSuchCommand(name, possibilities=_COMMANDS, ctx=context)
        module = importlib.import_module("devnet.cli" if name == "devnet" else f"indexer.commands.{name}")
        command: click.Command = getattr(module, name)
        return command


@click.group("pend-index", cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="TOML file; ./pend.toml when there is one. PEND_* variables win over it.",
)
@click.pass_context
def pend_index(context: click.Context, config_path: Path | None) -> None:
    """Indexes a private Besu network into PostgreSQL or TimescaleDB."""
    context.obj = Invocation(config_path)


def main() -> None:
    """Run a command; every failure is one message on stderr and its documented exit code."""
    try:
        sys.exit(pend_index(standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BaseException as error:  # the outermost edge: whatever it was, the operator gets a message
        if isinstance(error, SystemExit):
            raise
        code = exit_code(error)
        if code == EXIT_DEFECT:
            logging.getLogger(__name__).exception("defect")
        click.echo(explain(error), err=True)
        sys.exit(code)


if __name__ == "__main__":
    main()
