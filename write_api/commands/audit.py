"""`pend-write audit verify`: whether the audit trail is the one that was sealed."""

import asyncio
from datetime import timedelta

import click

from service.commands.invocation import Invocation, pass_invocation
from write_api.settings import WriteSettings
from write_api.verifying_audit import verify as verify_trail


@click.group("audit")
def audit() -> None:
    """The trail of who did what."""


@audit.command("verify")
@click.option(
    "--unsealed-minutes",
    type=click.FloatRange(min=0),
    default=10.0,
    show_default=True,
    help="Rows and seals older than this must be sealed and anchored.",
)
@pass_invocation
@click.pass_context
def verify(context: click.Context, invocation: Invocation[WriteSettings], *, unsealed_minutes: float) -> None:
    """Compare every row with its seal, the seals with one another and with the file of anchors.

    Says which row was removed, altered, inserted or never sealed, which seal or anchor is missing or false,
    and ends with 1 then. Run it as the owner's login; it changes nothing, and the API goes on meanwhile.
    """
    older = timedelta(minutes=unsealed_minutes)
    counts = asyncio.run(verify_trail(invocation.settings(), older, lambda found: click.echo(str(found))))
    click.echo(
        f"{counts.rows} rows, {counts.seals} seals, {counts.anchors} anchors: {counts.findings} findings"
    )
    if counts.findings:
        context.exit(1)
