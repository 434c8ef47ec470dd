"""Transfers within transactions, by the traces of the newest blocks: off by default, a queue of its own.

Newest first, for a Bonsai node forgets. `[]` and null are no answers: they say that the state is missing. A
block that cannot be traced is set aside with its reason, and tried again a few times.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from evm.primitives import Hash32
from indexer.fetched.announcing import announce_fetched
from indexer.fetched.answers import shown_text
from indexer.fetched.fetching import Fetching
from indexer.fetched.looking import look
from indexer.fetched.pinned import Pin, queries, require_pin
from indexer.fetched.traces import (
    InternalTransfer,
    Trace,
    TracedTransaction,
    TraceMalformed,
    from_call_tracer,
    from_trace_block,
)
from node.client import NodeClient
from node.errors import AnswerGarbled, MethodMissing, NodeInconsistent, NodeTimeout
from node.refusals import Refusable, Refusal
from postgres.errors import translated

Method = Literal["trace_block", "debug"]
State = Literal["traced", "state_missing", "failed"]

ATTEMPTS_MAX = 5
_NAME = "internal_transfers"
_TRY_AGAIN_S = 60.0
_FAULT_BYTES_MAX = 400

_TRACES: Final = Refusable(list[Trace])
_TRACED: Final = Refusable(list[TracedTransaction])
_CALL_TRACER: Final = {"tracer": "callTracer"}
# What one block brings on itself: others go on.
_OF_THE_BLOCK = (NodeInconsistent, AnswerGarbled, NodeTimeout)


@dataclass(frozen=True, slots=True)
class Traced:
    """What came of tracing a block."""

    state: State
    transfers: tuple[InternalTransfer, ...] = ()
    fault: str | None = None


async def fetch_internal_transfers(fetching: Fetching) -> bool:
    """Trace the next block; False when there is none. Raises MethodMissing where the node cannot."""
    newest = fetching.settings.traced_blocks
    await _look(fetching, upwards=True)
    with translated():
        row = await queries.select_block_to_trace.one(fetching.connection, newest)
    if row is None:
        return await _look(fetching, upwards=False)
    block = Pin(row["number"], row["hash"])
    with translated():
        rows = await queries.select_transaction_hashes.many(fetching.connection, block.number)
    await fetching.pace.wait(1)
    traced = await _trace(fetching, block, [each["hash"] for each in rows])
    if traced is not None:
        await store_traced(fetching, block, traced)
    return traced is not None


async def _look(fetching: Fetching, *, upwards: bool) -> bool:
    newest = fetching.settings.traced_blocks
    return await look(
        fetching.connection, _NAME, queries.queue_blocks_to_trace, upwards=upwards, newest=newest
    )


async def _trace(fetching: Fetching, block: Pin, hashes: Sequence[Hash32]) -> Traced | None:
    """None: the node is on another branch, or lags; the block is asked again."""
    node = fetching.node
    try:
        traced = await _trace_by_any(node, _methods(fetching.settings.traces), block, hashes)
        # Neither format always says which block it is of.
        (hash_,) = await node.block_hashes([block.number])
    except _OF_THE_BLOCK as error:
        return Traced("failed", fault=_fault(str(error)))
    return traced if hash_ == block.block else None


def _methods(setting: Literal["off", "auto", "trace_block", "debug"]) -> tuple[Method, ...]:
    match setting:
        case "off":
            return ()
        case "auto":
            return ("trace_block", "debug")
        case chosen:
            return (chosen,)


async def _trace_by_any(
    node: NodeClient, methods: Sequence[Method], block: Pin, hashes: Sequence[Hash32]
) -> Traced:
    missing: MethodMissing | None = None
    for method in methods:
        try:
            if method == "trace_block":
                return await _by_trace_block(node, block, hashes)
            return await _by_debug(node, block, hashes)
        except MethodMissing as error:
            missing = missing or error
        except TraceMalformed as error:
            return Traced("failed", fault=_fault(str(error)))
    assert missing is not None, "nothing is traced where traces are off"
    raise missing


async def _by_trace_block(node: NodeClient, block: Pin, hashes: Sequence[Hash32]) -> Traced:
    (traces,) = await node.call_each("trace_block", [[hex(block.number)]], _TRACES)
    if isinstance(traces, Refusal):
        return Traced("failed", fault=_fault(f"trace_block: {traces.detail}"))
    if not traces:
        return Traced("state_missing", fault="trace_block answers with nothing")
    return Traced("traced", from_trace_block(traces, block.hash, len(hashes)))


async def _by_debug(node: NodeClient, block: Pin, hashes: Sequence[Hash32]) -> Traced:
    params = [[hex(block.number), _CALL_TRACER]]
    (traced,) = await node.call_each("debug_traceBlockByNumber", params, _TRACED)
    if isinstance(traced, Refusal):
        return Traced("failed", fault=_fault(f"debug_traceBlockByNumber: {traced.detail}"))
    if not traced:
        return Traced("state_missing", fault="debug_traceBlockByNumber answers with nothing")
    return Traced("traced", from_call_tracer(traced, hashes))


async def store_traced(fetching: Fetching, block: Pin, traced: Traced) -> None:
    """Keep and announce the transfers of a block, and who has to be read anew for them, in one transaction.

    Raises CursorMoved when the block is not stored any more.
    """
    connection = fetching.connection
    with translated():
        async with connection.transaction():
            await require_pin(connection, block)
            if traced.transfers:
                rows = json.dumps([_row(transfer) for transfer in traced.transfers])
                await queries.insert_internal_transfers.exec(connection, block.number, rows)
                if fetching.settings.native_balances:
                    await queries.queue_unread_balances.exec(
                        connection, _touched(traced.transfers), block.number
                    )
            is_news = await queries.update_traced_block.value(
                connection,
                block.number,
                block.hash,
                len(traced.transfers),
                traced.state,
                traced.fault,
                _TRY_AGAIN_S,
                ATTEMPTS_MAX,
            )
            if is_news:
                await announce_fetched(connection, block, "internal_transfers")
    if is_news:
        fetching.on_announced()


def _touched(transfers: Sequence[InternalTransfer]) -> list[bytes]:
    """PURE. Whose balance may have changed."""
    effective = [transfer for transfer in transfers if transfer.error is None]
    both = {transfer.from_address for transfer in effective} | {
        transfer.to_address for transfer in effective if transfer.to_address is not None
    }
    return sorted(both)


def _row(transfer: InternalTransfer) -> dict[str, object]:
    return {
        "transaction_index": transfer.transaction_index,
        "trace_address": transfer.trace_address,
        "type": transfer.type,
        "from_address": transfer.from_address.hex(),
        "to_address": None if transfer.to_address is None else transfer.to_address.hex(),
        "value": transfer.value,
        "gas_used": transfer.gas_used,
        "error": None if transfer.error is None else _fault(transfer.error),
    }


def _fault(text: str) -> str:
    """What a node says, as PostgreSQL can keep it."""
    return shown_text(text.encode("utf-8", "replace")[:_FAULT_BYTES_MAX])
