"""`pend-explorer openapi`: the document of the API, as this code makes it."""

import click

from explorer_api import openapi as documents
from service.http.openapi import text as text_of


@click.command("openapi")
@click.option("--write", is_flag=True, help="Write it where it is committed and served from.")
def openapi(*, write: bool) -> None:
    """Print the OpenAPI 3.1 document."""
    text = text_of(documents.made())
    if write:
        documents.FILE.write_text(text)
        click.echo(f"wrote {documents.FILE}")
    else:
        click.echo(text, nl=False)
