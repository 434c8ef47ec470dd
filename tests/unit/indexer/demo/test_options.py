"""What a demo may be asked for, and what it refuses before anything is started."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from evm.consensus import Consensus
from indexer.demo.__main__ import demo
from indexer.demo.options import RealNetwork, SimulatedNetwork, duration, network_of


def seconds(text: str) -> float | None:
    return duration(click.Context(demo), demo.params[0], text)


@pytest.mark.parametrize(
    ("text", "expected"), [("30s", 30), ("2m", 120), ("1h", 3600), ("7", 7), ("0.5s", 0.5)]
)
def test_duration_with_a_unit_is_seconds(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "0s", "-5s", "soon", "5d", "1e3"])
def test_duration_that_is_no_time_above_zero_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="write 30s, 5m or 1h"):
        seconds(text)


@pytest.mark.parametrize(
    ("consensus", "reorg_every", "expected", "alarm"),
    [
        (None, None, None, False),
        ("qbft", 5, 5, True),
        ("ibft2", 5, 5, True),
        ("clique", None, 8, False),
        ("clique", 5, 5, False),
        ("ethereum", None, 8, False),
    ],
)
def test_network_changes_hashes_as_its_consensus_allows(
    consensus: str | None, reorg_every: int | None, expected: int | None, alarm: bool
) -> None:
    network = network_of(history=10, consensus=consensus, reorg_every=reorg_every)
    assert isinstance(network, SimulatedNetwork)
    assert (network.reorg_every, network.shows_alarm) == (expected, alarm)
    assert network.consensus == (consensus or Consensus.QBFT)


def test_network_with_a_node_url_is_that_node() -> None:
    network = network_of(history=10, node_url="https://besu:8545", ws_url="wss://besu:8546")
    assert network == RealNetwork("https://besu:8545", "wss://besu:8546", 10)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--ws-url", "ws://besu:8546"], "--ws-url belongs to --node-url"),
        (["--node-url", "ftp://besu"], "does not begin with http://"),
        (["--node-url", "http://besu", "--ws-url", "http://besu"], "does not begin with ws://"),
        (
            ["--node-url", "http://besu", "--consensus", "qbft", "--block-time", "1"],
            "--consensus, --block-time",
        ),
        (["--for", "soon"], "'soon' is not a time above zero"),
        (["--history", "0"], "0 is not in the range 1<=x<=100000"),
        (["--consensus", "raft"], "'raft' is not one of"),
    ],
)
def test_demo_with_an_impossible_option_says_which_and_starts_nothing(
    options: list[str], message: str
) -> None:
    ended = CliRunner().invoke(demo, options)
    assert ended.exit_code == 2
    assert message in ended.output
    assert "starting" not in ended.output
