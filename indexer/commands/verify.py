"""`pend-index verify`: are the stored rows what their hashes and roots say?"""

from dataclasses import replace

import click

from indexer.commands.context import run
from indexer.errors import EXIT_DIFFERENT
from indexer.progress import RangeProgress
from indexer.settings import IndexerSettings
from indexer.verify import Difference, VerifyReport
from indexer.verify import verify as verify_range
from indexer.verify.derived import DerivedDifference, DerivedReport, verify_derived
from indexer.writer import queries
from node.client import NodeClient
from postgres.errors import translated
from postgres.migrations import require_current
from postgres.pool import connect
from service.commands.invocation import Invocation, pass_invocation


@click.command("verify")
@click.option("--from-block", type=click.IntRange(min=0), default=0, show_default=True, help="First block.")
@click.option(
    "--to-block", type=click.IntRange(min=0), help="Last block; the newest stored one when left out."
)
@click.option(
    "--derived/--no-derived",
    default=True,
    show_default=True,
    help="Also derive again what was derived from the blocks, and compare.",
)
@click.option("--against-node", is_flag=True, help="Also compare every hash with the node's.")
@pass_invocation
@click.pass_context
def verify(
    context: click.Context,
    invocation: Invocation[IndexerSettings],
    from_block: int,
    to_block: int | None,
    *,
    derived: bool,
    against_node: bool,
) -> None:
    """Recompute hashes, roots, blooms, links, counts and derived tables; print each difference."""
    if to_block is not None and to_block < from_block:
        raise click.UsageError(f"--to-block {to_block} is below --from-block {from_block}; swap them")
    settings = invocation.settings()
    report = run(_verify(settings, from_block, to_block, against_node=against_node))
    click.echo(report.summary())
    differences = report.differences
    if derived:
        recomputed = run(_verify_derived(settings, report.first, report.last))
        click.echo(recomputed.summary())
        differences += recomputed.differences
    if differences:
        context.exit(EXIT_DIFFERENT)


async def _verify(
    settings: IndexerSettings, first: int, last: int | None, *, against_node: bool
) -> VerifyReport:
    connection = await connect(settings.database_settings("pend-index verify"))
    try:
        await require_current(connection)
        if last is None:
            with translated():
                ranges = await queries.select_coverage.many(connection)
            if not ranges:
                raise click.UsageError("nothing is stored yet; run `pend-index backfill` first")
            last = max(first, ranges[-1]["last"])
        async with NodeClient(settings.node_settings()) as node:
            return await verify_range(
                connection, first, last, node=node if against_node else None, on_difference=_print
            )
    finally:
        connection.terminate()


async def _verify_derived(settings: IndexerSettings, first: int, last: int) -> DerivedReport:
    # One statement compares a whole table.
    database = replace(settings.database_settings("pend-index verify"), statement_timeout_s=0)
    connection = await connect(database)
    try:
        progress = RangeProgress("derive again")
        return await verify_derived(
            connection,
            first,
            last,
            on_difference=_print,
            on_progress=lambda block: progress.reached(block, last),
        )
    finally:
        connection.terminate()


def _print(difference: Difference | DerivedDifference) -> None:
    click.echo(str(difference))
