"""The `devnet` command: a simulated network on two local ports until it is told to stop."""

import asyncio
import signal
from typing import Any

import click

from devnet.chain import Devnet
from devnet.server import DevnetServer
from devnet.weather.fault import WeatherInvalid
from devnet.weather.forecast import PROBABILITY, parse_text
from devnet.weather.spells import Spell
from devnet.weather.weather import Weather
from evm.consensus import Consensus


def _spells(_: click.Context, __: click.Parameter, text: str) -> tuple[Spell, ...]:
    try:
        return parse_text(text)
    except WeatherInvalid as error:
        raise click.BadParameter(str(error)) from error


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8545,
    show_default=True,
    help="HTTP port; 0 picks a free one.",
)
@click.option(
    "--ws-port", type=click.IntRange(0, 65535), help="WebSocket port.  [default: the HTTP port + 1]"
)
@click.option(
    "--consensus", type=click.Choice([item.value for item in Consensus]), default="qbft", show_default=True
)
@click.option(
    "--seed", type=int, default=1, show_default=True, help="Same seed, same keys and same transactions."
)
@click.option(
    "--history",
    type=click.IntRange(0, 1_000_000),
    default=1000,
    show_default=True,
    help="Blocks to begin with.",
)
@click.option(
    "--block-time",
    type=click.FloatRange(0.01, 3600),
    default=2.0,
    show_default=True,
    help="Seconds between blocks.",
)
@click.option("--transactions-per-block", type=click.IntRange(0, 1000), default=20, show_default=True)
@click.option("--validators", type=click.IntRange(1, 21), default=4, show_default=True)
@click.option(
    "--reorg-every", type=click.IntRange(1), help="Replace the last 1 to 3 blocks each time after this many."
)
@click.option("--chain-id", type=click.IntRange(1, 2**63 - 1), default=1337, show_default=True)
@click.option(
    "--genesis-timestamp",
    type=click.IntRange(0, 2**40),
    help="Unix time of block 0; given, history is the same each time.  [default: so that it ends now]",
)
@click.option(
    "--weather",
    metavar="NAME[:probability][,…]",
    default="",
    callback=_spells,
    help=f"Faults to serve, each on a share of requests ({PROBABILITY} if not said): see docs/devnet.md.",
)
@click.option("--weather-seed", type=int, help="Which requests they fall on.  [default: --seed]")
def devnet(
    *,
    host: str,
    port: int,
    ws_port: int | None,
    consensus: str,
    seed: int,
    history: int,
    block_time: float,
    transactions_per_block: int,
    validators: int,
    reorg_every: int | None,
    chain_id: int,
    genesis_timestamp: int | None,
    weather: tuple[Spell, ...],
    weather_seed: int | None,
) -> None:
    """Run a simulated Besu network that speaks JSON-RPC over HTTP and WebSocket.

    Blocks, signatures, roots and seals are real; the contracts behind them are simulated. Nothing is kept
    when it stops. Stop it with Ctrl-C.
    """
    click.echo(f"making {history} blocks of history …")
    network = Devnet(
        seed,
        consensus,
        validators=validators,
        transactions_per_block=transactions_per_block,
        history_blocks=history,
        block_time_s=block_time,
        chain_id=chain_id,
        genesis_timestamp=genesis_timestamp,
        wall_clock=True,
    )
    server = DevnetServer(
        network,
        host=host,
        port=port,
        ws_port=ws_port if ws_port is not None else min(port + 1, 65535) if port else 0,
        produce_every_s=block_time,
        reorg_every=reorg_every,
    )
    if weather:
        server.set_weather(weather, seed=weather_seed)
    try:
        asyncio.run(_serve(server))
    except OSError as error:
        raise click.ClickException(
            f"cannot listen: {error.strerror}; choose another --port and --ws-port (0 picks a free one)"
        ) from error


async def _serve(server: DevnetServer) -> None:
    """Serve until SIGINT, SIGTERM or a fault in making blocks, which is raised."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signum, stop.set)
    async with server:
        network = server.devnet
        click.echo(
            f"devnet: {network.consensus} chain {network.chain_id}, seed {network.seed}, "
            f"head {network.head.header.number}\nhttp  {server.http_url}\nws    {server.ws_url}"
        )
        ends: set[asyncio.Task[Any]] = {asyncio.create_task(stop.wait(), name="devnet stop")}
        if server.producer is not None:
            ends.add(server.producer)
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    click.echo(f"stopped at block {server.devnet.head.header.number}")
    if isinstance(server.faults, Weather):
        struck = server.faults.struck
        click.echo("weather: " + (", ".join(f"{name} {struck[name]}" for name in sorted(struck)) or "none"))
