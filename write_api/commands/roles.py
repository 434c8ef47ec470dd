"""`pend-write roles`: which route is for whom, as this code and its migrations say."""

import click

from write_api import role_table


@click.command("roles")
@click.option("--write", is_flag=True, help="Write it into docs/write-roles.md.")
def roles(*, write: bool) -> None:
    """Print the table of every route and role."""
    if write:
        page = role_table.PAGE
        page.write_text(role_table.renewed(page.read_text(encoding="utf-8")), encoding="utf-8")
        click.echo(f"wrote {page}")
    else:
        click.echo(role_table.table(), nl=False)
