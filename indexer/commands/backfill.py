"""`pend-index backfill`: a range of the past, with K processes."""

import asyncio
import signal
import threading
from concurrent.futures import Future, ThreadPoolExecutor

import click

from indexer.backfill import Backfill, Filled, Segment, plan, plan_quarantined
from indexer.commands.context import run
from indexer.deriving import derive_stored
from indexer.errors import EXIT_INTERRUPTED, BackfillIncomplete, RangeAboveHead
from indexer.network import Network, agree_on_network
from indexer.progress import Progress
from indexer.settings import IndexerSettings
from indexer.writer import Committed
from node.client import NodeClient
from postgres.migrations import require_current
from postgres.pool import connect
from service.commands.invocation import Invocation, pass_invocation


@click.command("backfill")
@click.option("--from-block", type=click.IntRange(min=0), help="First block.")
@click.option("--to-block", type=click.IntRange(min=0), help="Last block; the node's head when left out.")
@click.option(
    "--retry-quarantined", is_flag=True, help="Try the blocks that were set aside again, instead of a range."
)
@click.option("--workers", type=int, help="Worker processes; backfill.workers when left out.")
@click.option(
    "--verify",
    type=click.Choice(["light", "full"]),
    help="Checks before storing; full also recomputes both roots, transaction hashes and senders.",
)
@pass_invocation
@click.pass_context
def backfill(
    context: click.Context,
    invocation: Invocation[IndexerSettings],
    from_block: int | None,
    to_block: int | None,
    workers: int | None,
    verify: str | None,
    *,
    retry_quarantined: bool,
) -> None:
    """Store blocks N to M; what is stored already is skipped, so it can be stopped and run again."""
    if retry_quarantined == (from_block is not None) or (retry_quarantined and to_block is not None):
        raise click.UsageError("give either --from-block, with or without --to-block, or --retry-quarantined")
    if from_block is not None and to_block is not None and to_block < from_block:
        raise click.UsageError(f"--to-block {to_block} is below --from-block {from_block}; swap them")
    settings = invocation.settings({"backfill.workers": workers, "verify.level": verify})
    network, work, done = run(_prepare(settings, from_block, to_block))
    filled, derived_to = _fill(settings, network, work)
    if filled.stopped:
        click.echo("stopped; everything committed is complete: run the same command to go on", err=True)
        context.exit(EXIT_INTERRUPTED)
    if filled.poisoned:
        raise BackfillIncomplete(filled.poisoned)
    click.echo(done if derived_to is None else f"{done}, {_derived(settings, derived_to)}")


async def _prepare(
    settings: IndexerSettings, first: int | None, last: int | None
) -> tuple[Network, list[Segment], str]:
    """Agree on schema, range and network, in this order, so that a refusal has written nothing.

    Answers also with what can be said when all is done. Without `first`, the work is what is quarantined.
    """
    connection = await connect(settings.database_settings("pend-index backfill"))
    try:
        await require_current(connection)
        async with NodeClient(settings.node_settings()) as node:
            if first is None:
                network = await agree_on_network(connection, node)
                work = await plan_quarantined(connection, settings.backfill.segment_blocks)
                blocks = sum(end - begin + 1 for begin, end in work)
                return network, work, f"{blocks} quarantined blocks are stored"
            head = await node.head_number()
            wanted = head if last is None else last
            if first > head or wanted > head:
                raise RangeAboveHead(first, wanted, head)
            network = await agree_on_network(connection, node)
        backfill = settings.backfill
        workers = backfill.workers_effective()
        work = await plan(connection, first, wanted, backfill.segment_blocks, workers=workers)
        return network, work, f"blocks {first} to {wanted} are stored"
    finally:
        connection.terminate()


def _derived(settings: IndexerSettings, derived_to: int) -> str:
    first = settings.backfill.from_block
    if derived_to < first:
        return f"nothing is derived: that begins at block {first} (backfill.from_block), which is not stored"
    return f"everything is derived up to block {derived_to}"


def _fill(settings: IndexerSettings, network: Network, work: list[Segment]) -> tuple[Filled, int | None]:
    """Store `work` and derive from it on the way; also up to which block, None where that is off."""
    stopping, over = threading.Event(), threading.Event()
    previous = {
        number: signal.signal(number, lambda *_: stopping.set()) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        with Progress(sum(last - first + 1 for first, last in work)) as progress:

            def on_commit(committed: Committed, _seconds: float) -> None:
                blocks = committed.last - committed.first + 1
                progress.add(blocks, committed.transactions, committed.logs, committed.bytes)

            run = Backfill(
                settings=settings,
                network=network,
                work=work,
                workers_max=settings.backfill.workers_effective(),
                on_commit=on_commit,
                stopping=stopping.is_set,
            )
            with ThreadPoolExecutor(1, "pend-derive") as threads:
                deriving: Future[int] | None = None
                if settings.derive.enabled:
                    work_on = derive_stored(settings, filled=over.is_set, stopping=stopping.is_set)
                    deriving = threads.submit(asyncio.run, work_on)
                try:
                    filled = run.run()
                except BaseException:
                    stopping.set()
                    raise
                over.set()
                return filled, None if deriving is None else deriving.result()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
