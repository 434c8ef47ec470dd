"""`pend-index db`: the schema."""

import click

from indexer.errors import EXIT_SCHEMA
from indexer.settings import IndexerSettings
from postgres.migrations import convert_to_timescale, migrate, set_chunk_interval, status
from service.commands.invocation import Invocation, pass_invocation


@click.group("db")
def db() -> None:
    """Migrate the database, or say which schema it has."""


@db.command("migrate")
@pass_invocation
def db_migrate(invocation: Invocation[IndexerSettings]) -> None:
    """Apply the migrations that the database lacks; harmless to repeat."""
    database = invocation.settings().database
    applied = migrate(
        database.dsn_with_tls(), chunk_blocks=database.chunk_blocks, timescale=database.timescale
    )
    for name in applied:
        click.echo(f"applied {name}")
    click.echo(f"{len(applied)} migrations applied; the schema is current")


@db.command("status")
@pass_invocation
@click.pass_context
def db_status(context: click.Context, invocation: Invocation[IndexerSettings]) -> None:
    """List the migrations of database and code; exit code 8 when they differ."""
    found = status(invocation.settings().database.dsn_with_tls())
    for state, names in (("applied", found.applied), ("pending", found.pending), ("unknown", found.unknown)):
        for name in names:
            click.echo(f"{state:<8} {name}")
    home = found.capabilities
    click.echo(f"home     {home.home.value}, PostgreSQL {home.server_version}")
    if not found.is_current:
        click.echo("The schema is not the code's: run `pend-index db migrate`, or another version.", err=True)
        context.exit(EXIT_SCHEMA)


@db.command("convert-to-timescale")
@pass_invocation
def db_convert(invocation: Invocation[IndexerSettings]) -> None:
    """Turn a plain database into hypertables, once TimescaleDB is installed on its server.

    Stop the services first: the facts are locked while they move, and need room for a second copy.
    """
    database = invocation.settings().database
    moved = convert_to_timescale(database.dsn_with_tls(), chunk_blocks=database.chunk_blocks)
    click.echo(f"hypertables made of: {', '.join(moved) or 'nothing, all are hypertables already'}")


@db.command("resize-chunks")
@pass_invocation
def db_resize_chunks(invocation: Invocation[IndexerSettings]) -> None:
    """Give chunks made from now on the size of `database.chunk_blocks`."""
    database = invocation.settings().database
    resized = set_chunk_interval(database.dsn_with_tls(), database.chunk_blocks)
    click.echo(f"new chunks span {database.chunk_blocks} blocks in: {', '.join(resized) or 'no table'}")
