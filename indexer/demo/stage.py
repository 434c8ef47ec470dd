"""Everything a demo stands on: a network, PostgreSQL, Redis, and the environment of its commands.

The simulated network makes its history while the servers start; ports are whatever is free.
"""

import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from indexer.demo.interrupts import Interrupts
from indexer.demo.options import Network, RealNetwork, SimulatedNetwork
from indexer.demo.processes import Child, DemoFailed, Launcher
from postgres.embedded import FAST_AND_LOSABLE, EmbeddedPostgres, EmbeddedUnavailable
from postgres.migrations import migrate
from service.embedded_redis import EmbeddedRedis, EmbeddedRedisUnavailable

_DEVNET_START_S = 600.0  # a long history takes long to make
_STOP_S = 10.0
_NODE_SETTINGS = "PEND_NODE__"


@dataclass(frozen=True, slots=True)
class Node:
    """Where the network answers; `devnet` is our own process, if it is ours."""

    http_url: str
    ws_url: str | None
    devnet: Child | None


@dataclass(frozen=True, slots=True)
class Stage:
    node: Node
    dsn: str
    environment: Mapping[str, str]


def set_stage(network: Network, launcher: Launcher, interrupts: Interrupts, stack: ExitStack) -> Stage:
    """Start what the commands need; `stack` stops it again. Raises `DemoFailed` or `Interrupted`."""
    plain = _environment_of_ours(keep_node_settings=isinstance(network, RealNetwork))
    devnet = _start_devnet(network, launcher, plain, stack) if isinstance(network, SimulatedNetwork) else None
    postgres = EmbeddedPostgres(launcher.folder / "postgres", settings=FAST_AND_LOSABLE)
    redis = EmbeddedRedis()
    try:
        for server in (redis, postgres):
            interrupts.check()
            stack.callback(server.stop)
            server.start()
    except (EmbeddedUnavailable, EmbeddedRedisUnavailable) as error:
        raise DemoFailed(str(error)) from error
    interrupts.check()
    dsn = postgres.create_database("pend")
    migrate(dsn)
    node = _node(network, launcher, devnet)
    environment = {
        **plain,
        "PEND_DATABASE__DSN": dsn,
        "PEND_NODE__URLS": node.http_url,
        "PEND_REDIS__URL": redis.url,
        "PEND_METRICS__PORT": "0",
        "PEND_LOG__FORMAT": "text",
    }
    if node.ws_url is not None:
        environment["PEND_NODE__WS_URL"] = node.ws_url
    return Stage(node, dsn, environment)


def _start_devnet(
    network: SimulatedNetwork, launcher: Launcher, environment: Mapping[str, str], stack: ExitStack
) -> Child:
    # Where a changed hash is an alarm, it is asked for at the right moment instead of left to a counter.
    reorgs = [] if network.reorg_every is None or network.shows_alarm else [str(network.reorg_every)]
    devnet = launcher.start(
        "devnet",
        environment,
        *("devnet", "--port", "0", "--consensus", network.consensus.value),
        *("--history", str(network.history_blocks), "--block-time", str(network.block_time_s)),
        *(part for every in reorgs for part in ("--reorg-every", every)),
    )
    stack.callback(devnet.stop, timeout_s=_STOP_S)
    return devnet


def _node(network: Network, launcher: Launcher, devnet: Child | None) -> Node:
    if isinstance(network, RealNetwork):
        return Node(network.http_url, network.ws_url, None)
    assert devnet is not None
    http = launcher.wait_for_line(devnet, r"^http\s+(\S+)$", timeout_s=_DEVNET_START_S)
    ws = launcher.wait_for_line(devnet, r"^ws\s+(\S+)$", timeout_s=_STOP_S)
    return Node(http[1], ws[1], devnet)


def _environment_of_ours(*, keep_node_settings: bool) -> dict[str, str]:
    """The caller's environment without settings of ours or libpq's; a real node keeps its login and TLS."""
    kept: dict[str, str] = {}
    for name, value in list(os.environ.items()):
        upper = name.upper()
        foreign = not upper.startswith("PEND_") and not (upper.startswith("PG") and name == upper)
        if foreign or (keep_node_settings and upper.startswith(_NODE_SETTINGS)):
            kept[name] = value
        elif upper.startswith("PG"):
            del os.environ[name]  # this process connects through libpq as well
    return kept
