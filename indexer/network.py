"""Which network the database holds: recorded first, checked at every start (invariant 9)."""

from dataclasses import dataclass

from evm.consensus import Consensus, detect_consensus
from evm.primitives import hex_to_bytes, to_hex
from indexer.errors import WrongNetwork
from indexer.writer import queries
from node.client import NodeClient
from node.errors import BlockMissing
from node.wire import to_header
from postgres.connections import Connection
from postgres.errors import translated


@dataclass(frozen=True, slots=True)
class Network:
    """One chain: its id, its first block, and the rule that its blocks are sealed by."""

    chain_id: int
    genesis_hash: bytes
    consensus: Consensus


async def fetch_network(node: NodeClient) -> Network:
    """The network that the node serves; its consensus is read from the newest header."""
    chain_id = await node.chain_id()
    genesis_hash = hex_to_bytes(await node.genesis_hash())
    newest = await node.fetch_header("latest")
    if newest is None:
        raise BlockMissing("node", "latest")
    return Network(chain_id, genesis_hash, detect_consensus(to_header(newest)))


async def select_network(connection: Connection) -> Network | None:
    """The network that the database holds, or None before the first start."""
    with translated():
        row = await queries.select_chain_state.one(connection)
    if row is None:
        return None
    return Network(int(row["chain_id"]), row["genesis_hash"], Consensus(row["consensus"]))


async def agree_on_network(connection: Connection, node: NodeClient) -> Network:
    """Record the node's network in an empty database, or make sure that it is the recorded one.

    Every endpoint is checked: none may be foreign at first, later those that are get set aside. Raises
    `WrongNetwork`, `WrongChain` or `WrongGenesis`; nothing is changed then.
    """
    known = await select_network(connection)
    if known is not None:
        await node.verify_network(known.chain_id, to_hex(known.genesis_hash))
    offered = await fetch_network(node)
    if known is None:
        # Endpoints that disagree among themselves must not leave a record behind.
        await node.verify_network(offered.chain_id, to_hex(offered.genesis_hash), every=True)
    with translated():
        await queries.register_network.exec(
            connection, offered.chain_id, offered.genesis_hash, offered.consensus.value
        )
    recorded = await select_network(connection)
    assert recorded is not None
    if (recorded.chain_id, recorded.genesis_hash) != (offered.chain_id, offered.genesis_hash):
        raise WrongNetwork(
            endpoint=node.endpoint,
            expected_chain_id=recorded.chain_id,
            got_chain_id=offered.chain_id,
            expected_genesis=recorded.genesis_hash,
            got_genesis=offered.genesis_hash,
        )
    return offered
