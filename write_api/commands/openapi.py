"""`pend-write openapi`: the document of the API, as this code makes it."""

import click

from service.http.openapi import text as text_of
from write_api import openapi as documents


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
