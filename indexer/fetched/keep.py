"""The workers of what is fetched: each repeats its step for ever, whatever the node or the database does.

An outage, or an answer nobody thought of, is said, waited out and tried again. None of it reaches the head.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

import structlog

from evm.primitives import to_hex
from indexer.errors import Retryable
from indexer.fetched.contract_calls import ContractCalls
from indexer.fetched.contract_codes import fetch_contract_codes
from indexer.fetched.fetching import Fetching
from indexer.fetched.internal_transfers import fetch_internal_transfers
from indexer.fetched.native_balances import fetch_native_balances
from indexer.fetched.pace import Pace
from indexer.fetched.pinned import StateMissing, queries
from indexer.fetched.token_metadata import fetch_token_metadata
from indexer.settings import FetchedSection, IndexerSettings
from indexer.stages import Stage
from node.client import NodeClient, NodeObserver
from node.errors import NodeError
from node.settings import NodeSettings
from postgres.connections import Connection
from postgres.errors import DatabaseError, translated
from postgres.pool import connect
from service.sections import MIB

log = structlog.get_logger(__name__)

Step = Callable[[Fetching], Awaitable[bool]]

STEPS: Final[dict[str, Step]] = {
    "token_metadata": fetch_token_metadata,
    "native_balances": fetch_native_balances,
    "contract_codes": fetch_contract_codes,
    "internal_transfers": fetch_internal_transfers,
}

_BACKOFF_MIN_S, _BACKOFF_MAX_S, _BACKOFF_RESET_S = 0.2, 60.0, 30.0
# A call is tried this long; then the worker says so, and waits itself.
_DEADLINE_MAX_S = 10.0
# A name of megabytes is not read; codes are 24 KiB, or on some networks 64. Traces are as long as they are.
_ANSWER_BYTES_MAX, _TRACES_BYTES_MAX = 8 * MIB, 64 * MIB


def wanted(settings: FetchedSection) -> tuple[str, ...]:
    """What these settings want fetched, by the names of STEPS."""
    wants = {
        "token_metadata": settings.token_metadata,
        "native_balances": settings.native_balances,
        "contract_codes": settings.contract_codes,
        "internal_transfers": settings.traces != "off",
    }
    return tuple(name for name in STEPS if wants[name])


async def keep_fetching(
    name: str,
    settings: IndexerSettings,
    *,
    stage: Stage,
    observer: NodeObserver | None = None,
    on_announced: Callable[[], None] = lambda: None,
) -> None:
    """Fetch `name` on connections of its own until cancelled; raises nothing but that."""
    loop, delay_s = asyncio.get_running_loop(), _BACKOFF_MIN_S
    while True:
        started = loop.time()
        try:
            await _fetch(name, settings, stage, observer, on_announced)
        except (NodeError, DatabaseError, Retryable) as error:
            reason, defect = str(error), False
        except Exception as error:  # a worker's defect must not end the daemon
            log.exception("fetching failed", fetched=name)
            reason, defect = f"{type(error).__name__}: {error}", True
        if loop.time() - started > _BACKOFF_RESET_S:
            delay_s = _BACKOFF_MIN_S
        delay_s = _BACKOFF_MAX_S if defect else delay_s
        stage.progressed(rests_s=delay_s)
        log.warning("waiting", task=f"fetch {name}", reason=reason, retry_in_s=delay_s)
        await asyncio.sleep(delay_s)
        delay_s = min(2 * delay_s, _BACKOFF_MAX_S)


async def _fetch(
    name: str,
    settings: IndexerSettings,
    stage: Stage,
    observer: NodeObserver | None,
    on_announced: Callable[[], None],
) -> None:
    """Raises whatever goes wrong with its connections."""
    connection = stage.holds(await connect(settings.database_settings(f"pend-index fetch {name}")))
    try:
        async with NodeClient(node_settings(name, settings), observer) as node:
            await _require_network(connection, node)
            fetched = settings.fetched
            calls_per_s = fetched.traces_per_s if name == "internal_transfers" else fetched.calls_per_s
            fetching = Fetching(
                connection, node, ContractCalls(node), Pace(calls_per_s, stage), fetched, on_announced
            )
            await keep_stepping(STEPS[name], fetching, stage)
    finally:
        connection.terminate()


async def keep_stepping(step: Step, fetching: Fetching, stage: Stage) -> None:
    """Repeat `step` for ever, resting where it finds nothing to do or has to be done again."""
    said: str | None = None
    while True:
        stage.busy = True
        try:
            worked = await step(fetching)
            said = None
        except Retryable as error:
            # The chain has moved on, or the node has not caught up: said once, not every second.
            if said != (said := type(error).__name__):
                level = 20 if isinstance(error, StateMissing) else 10
                log.log(level, "nothing can be fetched now", step=step.__name__, reason=str(error))
            worked = False
        stage.progressed()
        if not worked:
            stage.busy = False
            await asyncio.sleep(fetching.settings.look_every_s)


def node_settings(name: str, settings: IndexerSettings) -> NodeSettings:
    """Few connections, short answers, short patience: the head has its own."""
    node = settings.node_settings()
    # Given up, a call is said; so that must be before the watchdog takes it for a hang.
    said_within_s = settings.follow.watchdog_s / 2 or _DEADLINE_MAX_S
    bytes_max = _TRACES_BYTES_MAX if name == "internal_transfers" else _ANSWER_BYTES_MAX
    return replace(
        node,
        ws_url=None,
        connections_max=min(settings.fetched.connections_max, node.connections_max),
        deadline_s=min(node.deadline_s, _DEADLINE_MAX_S, said_within_s),
        max_response_bytes=min(bytes_max, node.max_response_bytes),
    )


async def _require_network(connection: Connection, node: NodeClient) -> None:
    """Of every endpoint, from the first request on (invariant 9)."""
    with translated():
        state = await queries.select_chain_state.one(connection)
    if state is None:
        raise NetworkUnknown
    await node.verify_network(int(state["chain_id"]), to_hex(state["genesis_hash"]))


class NetworkUnknown(Retryable):
    """Nothing is stored yet."""

    next_step = "The follower records the network when it starts; no action is needed."

    def __init__(self) -> None:
        super().__init__("the database does not name its network yet")
