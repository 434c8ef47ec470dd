"""State of the network after one stored block, and the right to store what was read of it.

A row is kept only while its block is on the stored chain: whoever stores waits for commits in progress and
looks again, so that a reorg comes before, and is seen, or after, and removes the row. What is announced then
has the next number (invariant 10).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evm.primitives import Address, Hash32, MalformedHex, hex_to_bytes, hex_to_int
from indexer.errors import CursorMoved, Retryable
from node.client import NodeClient
from node.errors import NodeInconsistent
from node.refusals import Refusal
from postgres.connections import Connection
from postgres.queries import load

queries = load("indexer")


class StateMissing(Retryable):
    """The node has no state for the pinned block: it lags, forgot it, or is on another branch."""

    next_step = "The head is pinned instead; no action is needed, unless the node never catches up."

    def __init__(self, number: int, reason: str) -> None:
        self.number, self.reason = number, reason
        super().__init__(f"the node has no state for block {number}: {reason}")


@dataclass(frozen=True, slots=True)
class Pin:
    """The block after which everything of one step is read."""

    number: int
    hash: Hash32

    @property
    def block(self) -> str:
        """As a parameter of eth_call and the like: a hash, so that no reorg can come between (EIP-1898)."""
        return "0x" + self.hash.hex()


async def select_pin(connection: Connection) -> Pin | None:
    """The highest stored block; None in an empty database."""
    row = await queries.select_pin.one(connection)
    return None if row is None else Pin(row["number"], row["hash"])


async def require_pin(connection: Connection, pin: Pin) -> None:
    """Within a transaction: nothing is committed beside it from here on, and `pin` is stored.

    Raises CursorMoved when it is not. Short transactions only: the head waits for it.
    """
    await queries.await_commits.exec(connection)
    if not await queries.holds_block.value(connection, pin.number, pin.hash):
        raise CursorMoved(pin.number, pin.hash, None)


async def fetch_balances(node: NodeClient, pin: Pin, addresses: Sequence[Address]) -> list[int]:
    """Balances in wei, in the order of `addresses`. Raises StateMissing."""
    answers = await _ask(node, "eth_getBalance", pin, addresses)
    try:
        return [hex_to_int(answer) for answer in answers]
    except MalformedHex as error:
        raise _malformed("eth_getBalance", pin, error) from error


async def fetch_codes(node: NodeClient, pin: Pin, addresses: Sequence[Address]) -> list[bytes]:
    """The code at each address, empty where there is none. Raises StateMissing."""
    answers = await _ask(node, "eth_getCode", pin, addresses)
    try:
        return [hex_to_bytes(answer) for answer in answers]
    except MalformedHex as error:
        raise _malformed("eth_getCode", pin, error) from error


async def require_state(node: NodeClient, pin: Pin) -> None:
    """Raise StateMissing if the node cannot even say what an account has: then a refusal means nothing."""
    await _ask(node, "eth_getBalance", pin, [bytes(20)])


async def _ask(node: NodeClient, method: str, pin: Pin, addresses: Sequence[Address]) -> list[str]:
    params: list[list[Any]] = [["0x" + address.hex(), pin.block] for address in addresses]
    answers = await node.call_each(method, params)
    found: list[str] = []
    for answer in answers:
        # Of an address that exists or not, both methods answer; what they refuse is the block.
        if answer is None:
            raise StateMissing(pin.number, f"{method} answers null")
        if isinstance(answer, Refusal):
            raise StateMissing(pin.number, answer.detail)
        if not isinstance(answer, str):
            raise _malformed(method, pin, f"{answer!r:.80}")
        found.append(answer)
    return found


def _malformed(method: str, pin: Pin, what: object) -> NodeInconsistent:
    return NodeInconsistent("malformed", pin.number, pin.block, f"{method}: {what}")
