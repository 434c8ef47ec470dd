"""`pend-explorer config`: what is in force and where each value came from."""

import click

from explorer_api.commands.context import Invocation, pass_invocation
from service.settings import describe


@click.command("config")
@pass_invocation
def config(invocation: Invocation) -> None:
    """Print every setting with its value and source; secrets are hidden."""
    rows = describe(invocation.load())
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    for key, value, source in rows:
        click.echo(f"{key:<{widths[0]}}  {value:<{widths[1]}}  {source}")
