"""`pend-index rebuild`: derived tables made anew beside those in use, and swapped."""

import click

from indexer.commands.context import run
from indexer.derive.derivation import Derivation
from indexer.derive.registry import filling, recomputing
from indexer.progress import RangeProgress
from indexer.rebuild import Rebuilt
from indexer.rebuild import rebuild as rebuild_derived
from indexer.settings import IndexerSettings
from postgres.migrations import require_current
from postgres.pool import connect
from service.commands.invocation import Invocation, pass_invocation


@click.command("rebuild")
@click.argument("tables", nargs=-1, metavar="[TABLE]...")
@click.option("--all", "everything", is_flag=True, help="Every derived table.")
@pass_invocation
def rebuild(invocation: Invocation[IndexerSettings], tables: tuple[str, ...], *, everything: bool) -> None:
    """Derive TABLEs from the stored blocks again, beside those in use, and write what differs at once.

    The daemon may run meanwhile. Needs as much free disk space as the tables take.
    """
    if everything == bool(tables):
        raise click.UsageError("name the tables, or give --all")
    derivations = recomputing() if everything else _named(tables)
    for rebuilt in run(_rebuild(invocation.settings(), derivations)):
        click.echo(f"{rebuilt.table}: {rebuilt.removed:,} rows removed, {rebuilt.added:,} added")


def _named(tables: tuple[str, ...]) -> tuple[Derivation, ...]:
    wanted = set()
    for table in tables:
        derivation = filling(table)
        if derivation is None:
            known = ", ".join(sorted(name for each in recomputing() for name in each.tables))
            raise click.UsageError(f"{table} is no derived table; there are {known}")
        wanted.add(derivation.name)
    return tuple(each for each in recomputing() if each.name in wanted)


async def _rebuild(settings: IndexerSettings, derivations: tuple[Derivation, ...]) -> list[Rebuilt]:
    connection = await connect(settings.database_settings("pend-index rebuild"))
    try:
        await require_current(connection)
    finally:
        connection.terminate()
    return await rebuild_derived(settings, derivations, on_progress=RangeProgress("rebuild").reached)
