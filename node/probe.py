"""What a node can do, asked before anything depends on it: for `doctor`."""

from dataclasses import dataclass, field
from typing import Any

from evm.consensus import Consensus
from node.checks import check_header
from node.client import NodeClient
from node.errors import CallRejected, MethodMissing, NodeError
from node.wire import WireHeader


@dataclass(frozen=True, slots=True)
class NodeReport:
    """None means that the node does not say; `faults` names what failed and how."""

    endpoint: str
    client_version: str | None = None
    modules: tuple[str, ...] | None = None
    chain_id: int | None = None
    genesis_hash: str | None = None
    head_number: int | None = None
    head_hash: str | None = None
    head_timestamp: int | None = None
    syncing: bool | None = None
    peer_count: int | None = None
    consensus: Consensus | None = None
    has_block_receipts: bool | None = None
    has_trace_block: bool | None = None
    has_debug_trace: bool | None = None
    has_finalized_tag: bool | None = None
    faults: dict[str, str] = field(default_factory=dict)


async def probe(node: NodeClient) -> NodeReport:
    """Ask everything that can be asked. Raises only if not even the chain id can be had."""
    chain_id = await node.chain_id()
    faults: dict[str, str] = {}

    async def ask(method: str, *params: Any) -> Any:
        """The answer, None where the node does not serve the method or fails at it."""
        try:
            return await node.call(method, params)
        except MethodMissing:
            return None
        except NodeError as error:
            faults[method] = str(error)
            return None

    modules = await ask("rpc_modules")
    syncing = await ask("eth_syncing")
    head = await _head(node, faults)
    genesis = await ask("eth_getBlockByNumber", "0x0", False)  # JSON-RPC's own positional flag
    return NodeReport(
        endpoint=node.endpoint,
        client_version=await ask("web3_clientVersion"),
        modules=tuple(sorted(modules)) if isinstance(modules, dict) else None,
        chain_id=chain_id,
        genesis_hash=genesis["hash"] if isinstance(genesis, dict) else None,
        head_number=None if head is None else int(head[0].number, 16),
        head_hash=None if head is None else head[0].hash,
        head_timestamp=None if head is None else int(head[0].timestamp, 16),
        syncing=None if syncing is None else syncing is not False,
        peer_count=_quantity(await ask("net_peerCount")),
        consensus=None if head is None else head[1],
        has_block_receipts=await _served(node, "eth_getBlockReceipts", ["0x0"]),
        # A block number that cannot exist: whether the method is served, without work for the node.
        has_trace_block=await _served(node, "trace_block", ["0x7fffffffffff"]),
        has_debug_trace=await _served(node, "debug_traceTransaction", ["0x" + "00" * 32]),
        has_finalized_tag=await _served(node, "eth_getBlockByNumber", ["finalized", False]),
        faults=faults,
    )


async def _head(node: NodeClient, faults: dict[str, str]) -> tuple[WireHeader, Consensus] | None:
    try:
        header = await node.fetch_header("latest")
    except NodeError as error:
        faults["latest header"] = str(error)
        return None
    return None if header is None else (header, check_header(header)[1])


async def _served(node: NodeClient, method: str, params: list[Any]) -> bool | None:
    """Whether the node knows the method: a refusal of these arguments shows that it does.

    Asked for the finalized tag, a refusal or null shows the opposite (Besu on BFT: -39001 Unknown block).
    """
    is_tag = "finalized" in params
    try:
        result = await node.call(method, params)
    except MethodMissing:
        return False
    except CallRejected:
        return not is_tag
    except NodeError:
        return None
    return result is not None if is_tag else True


def _quantity(value: Any) -> int | None:
    try:
        return int(value, 16)
    except (TypeError, ValueError):
        return None
