"""`config` of every program: what is in force and where each value came from."""

from typing import Any

import click

from service.commands.invocation import Invocation, pass_invocation
from service.settings import describe


@click.command("config")
@pass_invocation
def config(invocation: Invocation[Any]) -> None:
    """Print every setting with its value and source; secrets are hidden."""
    rows = describe(invocation.load())
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    for key, value, source in rows:
        click.echo(f"{key:<{widths[0]}}  {value:<{widths[1]}}  {source}")
