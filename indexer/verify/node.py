"""The same hashes on the node (invariant 9 is checked before)."""

from collections.abc import Iterable, Mapping

from evm.primitives import Hash32, to_hex
from indexer.verify.findings import Difference
from indexer.writer import queries
from node.client import NodeClient
from postgres.connections import Connection
from postgres.errors import translated


async def compare_with_node(
    connection: Connection, node: NodeClient, hashes: Mapping[int, Hash32]
) -> list[Difference]:
    """Blocks whose stored hash is not the node's, lowest first.

    What differs is read again, here and there: a follower may have replaced it since the snapshot.
    """
    suspects = await _differing(node, hashes)
    if not suspects:
        return []
    differing = await _differing(node, await _select_hashes(connection, suspects))
    return [
        Difference(number, "node_hash", offered or "no such block on the node", to_hex(stored))
        for number, (stored, offered) in differing.items()
    ]


async def _differing(node: NodeClient, hashes: Mapping[int, Hash32]) -> dict[int, tuple[Hash32, str | None]]:
    numbers = sorted(hashes)
    answers = await node.block_hashes(numbers)
    return {
        number: (hashes[number], answer)
        for number, answer in zip(numbers, answers, strict=True)
        if answer != to_hex(hashes[number])
    }


async def _select_hashes(connection: Connection, numbers: Iterable[int]) -> dict[int, Hash32]:
    wanted = set(numbers)
    with translated():
        links = await queries.select_links.many(connection, min(wanted), max(wanted))
    return {link["number"]: link["hash"] for link in links if link["number"] in wanted}
