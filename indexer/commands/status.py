"""`pend-index status`: what is stored, and how far the node is."""

import dataclasses
from datetime import UTC, datetime

import click
import msgspec

from indexer.commands.context import run
from indexer.settings import IndexerSettings
from indexer.status import Status, as_text, select_status
from node.client import NodeClient
from node.errors import NodeError
from postgres.migrations import require_current
from postgres.pool import connect
from service.commands.invocation import Invocation, pass_invocation

# A status must answer soon; a node that is away is part of the answer.
_NODE_DEADLINE_S = 3.0


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
@pass_invocation
def status(invocation: Invocation[IndexerSettings], *, as_json: bool) -> None:
    """Chain, head, indexed to, lag, coverage and gaps, rate, last reorg, size on disk per table."""
    report = run(_report(invocation.settings()))
    click.echo(msgspec.json.encode(report).decode() if as_json else as_text(report))


async def _report(settings: IndexerSettings) -> Status:
    head, node_error = await _head(settings)
    connection = await connect(settings.database_settings("pend-index status"))
    try:
        await require_current(connection)
        return await select_status(
            connection, from_block=settings.backfill.from_block, head=head, node_error=node_error
        )
    finally:
        connection.terminate()


async def _head(settings: IndexerSettings) -> tuple[tuple[int, datetime] | None, str | None]:
    node_settings = dataclasses.replace(settings.node_settings(), deadline_s=_NODE_DEADLINE_S)
    try:
        async with NodeClient(node_settings) as node:
            header = await node.fetch_header("latest")
    except NodeError as error:
        return None, str(error)
    if header is None:
        return None, "the node has no block yet"
    return (int(header.number, 16), datetime.fromtimestamp(int(header.timestamp, 16), UTC)), None
