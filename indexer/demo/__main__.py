"""`python -m indexer.demo`, which `make demo` runs."""

import click

from evm.consensus import Consensus
from indexer.demo.interrupts import Interrupted, Interrupts
from indexer.demo.options import duration, network_of
from indexer.demo.performance import Performance
from indexer.demo.view import view_of_stdout
from indexer.errors import EXIT_DIFFERENT, EXIT_INTERRUPTED


@click.command("demo", context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--for",
    "follow_s",
    callback=duration,
    metavar="TIME",
    help="Follow this long (30s, 5m), then end.  [default: until Ctrl-C]",
)
@click.option(
    "--consensus",
    type=click.Choice([item.value for item in Consensus]),
    help="What the simulated network runs.  [default: qbft]",
)
@click.option("--block-time", type=click.FloatRange(0.05, 60), help="Seconds between blocks.  [default: 1]")
@click.option(
    "--history",
    type=click.IntRange(1, 100_000),
    default=1000,
    show_default=True,
    help="Blocks to backfill: made by the simulated network, or the newest ones of a real one.",
)
@click.option(
    "--reorg-every",
    type=click.IntRange(1, 10_000),
    help="Change hashes after this many blocks. Clique and Ethereum: again and again, and the branch is "
    "replaced [default: 8]. QBFT and IBFT2: once, and it is an alarm that stops the daemon [default: never].",
)
@click.option("--node-url", help="A real node's HTTP JSON-RPC, instead of the simulated network.")
@click.option("--ws-url", help="The real node's WebSocket, for new heads; left out means polling.")
@click.pass_context
def demo(
    context: click.Context,
    *,
    follow_s: float | None,
    consensus: str | None,
    block_time: float | None,
    history: int,
    reorg_every: int | None,
    node_url: str | None,
    ws_url: str | None,
) -> None:
    """Start everything on this machine, show it at work, stop it, verify what was stored.

    PostgreSQL, Redis and the network are made for this demo, on free ports and in a temporary folder that
    is removed. With --node-url, PEND_NODE__* variables (login, TLS) are in force; nothing is sent to the
    node but questions. Exit code 0: every claim of the summary holds; 1: one does not; 130: interrupted.
    """
    network = network_of(
        node_url=node_url,
        ws_url=ws_url,
        consensus=consensus,
        block_time=block_time,
        history=history,
        reorg_every=reorg_every,
    )
    view, interrupts = view_of_stdout(), Interrupts()
    with interrupts.caught():
        try:
            holds = Performance(network, follow_s, view, interrupts).perform()
        except Interrupted:
            view.say("interrupted; everything that was started is stopped")
            context.exit(EXIT_INTERRUPTED)
    context.exit(0 if holds else EXIT_DIFFERENT)


if __name__ == "__main__":
    demo()
