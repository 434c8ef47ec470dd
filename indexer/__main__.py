"""`pend-index`: what an operator runs. Ends with an exit code of docs/operations.md."""

import logging
import sys
from pathlib import Path

import click

from indexer.errors import EXIT_DEFECT, exit_code, explain
from indexer.settings import IndexerSettings
from service.commands.group import LazyGroup
from service.commands.invocation import Invocation


@click.group(
    "pend-index",
    cls=LazyGroup,
    package="indexer.commands",
    names=("run", "backfill", "status", "verify", "rebuild", "redecode", "abi", "db"),
    elsewhere={"config": "service.commands.config", "devnet": "devnet.cli"},
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="TOML file; ./pend.toml when there is one. PEND_* variables win over it.",
)
@click.pass_context
def pend_index(context: click.Context, config_path: Path | None) -> None:
    """Indexes a private Besu network into PostgreSQL or TimescaleDB."""
    context.obj = Invocation(IndexerSettings, "pend-index", config_path)


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
