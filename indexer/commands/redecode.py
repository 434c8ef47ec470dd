"""`pend-index redecode`: stored events and calls decoded by the ABIs of today."""

import asyncio

import click

from indexer.commands.context import run
from indexer.decode import redecode as redecoding
from indexer.decode.candidates import parse_address
from indexer.decode.redecode import Redecoded
from indexer.decode.redecode_job import Request
from indexer.progress import RangeProgress
from indexer.settings import IndexerSettings
from service.commands.invocation import Invocation, pass_invocation

_BLOCK = click.IntRange(min=0, max=2**63 - 1)


@click.command("redecode")
@click.option("--address", help="Only logs of, and calls to, this contract.")
@click.option("--abi", metavar="NAME|ID", help="Only what this ABI can read, or could before it was removed.")
@click.option("--from-block", type=_BLOCK, help="First block; the first one decoded when left out.")
@click.option("--to-block", type=_BLOCK, help="Last block; the last one decoded when left out.")
@pass_invocation
def redecode(
    invocation: Invocation[IndexerSettings],
    address: str | None,
    abi: str | None,
    from_block: int | None,
    to_block: int | None,
) -> None:
    """Decode stored events and calls by the ABIs of today: without a node, beside the daemon.

    Readers see the old rows until all the new ones are there. When it was stopped, the same command goes on.
    """
    if from_block is not None and to_block is not None and to_block < from_block:
        raise click.UsageError(f"--to-block {to_block} is below --from-block {from_block}; swap them")
    held = None if address is None else (parse_address(address, "--address"),)
    done = run(_redecode(invocation.settings(), Request(held, abi, from_block, to_block)))
    click.echo(
        f"blocks {done.first} to {done.last}: {done.events:,} events and {done.calls:,} calls decoded anew"
    )


async def _redecode(settings: IndexerSettings, request: Request) -> Redecoded:
    progress = RangeProgress("redecode")
    try:
        return await redecoding.redecode(
            settings.database_settings("pend-index redecode"),
            request,
            lambda at: progress.reached(at.decoded_to, at.last),
            reorg_blocks=settings.follow.max_reorg_depth,
        )
    except asyncio.CancelledError:
        click.echo("stopped: run the same command to go on", err=True)
        raise
