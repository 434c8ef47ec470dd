"""What a demo is asked for, as one frozen value."""

import re
from dataclasses import dataclass

import click

from evm.consensus import Consensus, has_immediate_finality

REORG_EVERY = 8
_UNITS_S = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class SimulatedNetwork:
    """A devnet of our own; `reorg_every` is None where no hash is to change."""

    consensus: Consensus
    block_time_s: float
    history_blocks: int
    reorg_every: int | None

    @property
    def shows_alarm(self) -> bool:
        """Whether a changed hash is a broken promise here, which has to stop the daemon."""
        return self.reorg_every is not None and has_immediate_finality(self.consensus)


@dataclass(frozen=True, slots=True)
class RealNetwork:
    """Somebody's node; only the newest `history_blocks` of its past are indexed."""

    http_url: str
    ws_url: str | None
    history_blocks: int


Network = SimulatedNetwork | RealNetwork


def duration(_context: click.Context, _option: click.Parameter, value: str | None) -> float | None:
    """Seconds of `30s`, `5m`, `1h` or a bare number: the callback of an option."""
    if value is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", value.strip())
    seconds = float(match[1]) * _UNITS_S[match[2]] if match else 0.0
    if seconds <= 0:
        raise click.BadParameter(f"{value!r} is not a time above zero; write 30s, 5m or 1h")
    return seconds


def network_of(
    *,
    history: int,
    node_url: str | None = None,
    ws_url: str | None = None,
    consensus: str | None = None,
    block_time: float | None = None,
    reorg_every: int | None = None,
) -> Network:
    """The network the options name. Raises `click.UsageError` where they contradict one another."""
    if node_url is None:
        if ws_url is not None:
            raise click.UsageError("--ws-url belongs to --node-url; name the node's HTTP endpoint as well")
        kind = Consensus(consensus or Consensus.QBFT)
        if reorg_every is None and not has_immediate_finality(kind):
            reorg_every = REORG_EVERY
        return SimulatedNetwork(kind, block_time or 1.0, history, reorg_every)
    simulated = {"--consensus": consensus, "--block-time": block_time, "--reorg-every": reorg_every}
    if given := [name for name, value in simulated.items() if value is not None]:
        raise click.UsageError(
            f"with --node-url leave out {', '.join(given)}: only for the simulated network"
        )
    for name, url, schemes in (("--node-url", node_url, "https?"), ("--ws-url", ws_url, "wss?")):
        if url is not None and not re.match(rf"{schemes}://[^/]", url):
            raise click.UsageError(f"{name} {url} does not begin with {schemes.removesuffix('s?')}://")
    return RealNetwork(node_url, ws_url, history)
