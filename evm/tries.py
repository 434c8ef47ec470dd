"""Merkle-Patricia roots over ordered lists: transactions, receipts, withdrawals (Yellow Paper, appendix D).

Keys are rlp(index), so the shape of the trie depends only on the number of entries; it is planned once per
length and filled for each block.
"""

from collections.abc import Sequence
from functools import lru_cache

from evm.blocks import Receipt, Transaction, Withdrawal
from evm.envelopes import encode_receipt, encode_transaction
from evm.primitives import EMPTY_ROOT, Hash32, keccak256
from evm.rlp import encode, encode_bytes, encode_int, wrap_list

# A plan costs about 130 bytes an entry: bounded so that blocks of thousands of entries stay cheap.
_PLANS_MAX = 128


class _Leaf:
    """Entry number `index`, behind its already encoded path."""

    __slots__ = ("index", "path")

    def __init__(self, index: int, path: bytes) -> None:
        self.index = index
        self.path = path


class _Branch:
    """Sixteen children, behind an extension where `path` is not empty."""

    __slots__ = ("children", "path")

    def __init__(self, children: "tuple[_Leaf | _Branch | None, ...]", path: bytes) -> None:
        self.children = children
        self.path = path


def ordered_root(values: Sequence[bytes]) -> Hash32:
    """Root of the trie that maps rlp(i) to values[i]."""
    if not values:
        return EMPTY_ROOT
    return keccak256(_fill(_plan(len(values)), values))


def transactions_root(transactions: Sequence[Transaction]) -> Hash32:
    return ordered_root([encode_transaction(transaction) for transaction in transactions])


def receipts_root(receipts: Sequence[Receipt]) -> Hash32:
    return ordered_root([encode_receipt(receipt) for receipt in receipts])


def withdrawals_root(withdrawals: Sequence[Withdrawal]) -> Hash32:
    """Root of EIP-4895."""
    return ordered_root(
        [
            encode(
                [
                    encode_int(withdrawal.index),
                    encode_int(withdrawal.validator_index),
                    withdrawal.address,
                    encode_int(withdrawal.amount),
                ]
            )
            for withdrawal in withdrawals
        ]
    )


def _fill(node: _Leaf | _Branch, values: Sequence[bytes]) -> bytes:
    if isinstance(node, _Leaf):
        return wrap_list(node.path + encode_bytes(values[node.index]))
    parts = []
    for child in node.children:
        if child is None:
            parts.append(b"\x80")
        else:
            parts.append(_reference(_fill(child, values)))
    parts.append(b"\x80")  # no key is a prefix of another, so a branch never holds a value
    branch = wrap_list(b"".join(parts))
    return wrap_list(node.path + _reference(branch)) if node.path else branch


def _reference(encoded: bytes) -> bytes:
    """A node below 32 bytes stands in its parent itself, a longer one as its hash."""
    return encoded if len(encoded) < 32 else b"\xa0" + keccak256(encoded)


@lru_cache(maxsize=_PLANS_MAX)
def _plan(count: int) -> _Leaf | _Branch:
    keys = sorted((_nibbles(encode(encode_int(index))), index) for index in range(count))
    return _plan_node(keys, 0)


def _plan_node(keys: list[tuple[bytes, int]], depth: int) -> _Leaf | _Branch:
    first, index = keys[0]
    if len(keys) == 1:
        return _Leaf(index, _encode_path(first[depth:], leaf=True))
    last = keys[-1][0]
    fork = depth
    while first[fork] == last[fork]:  # sorted, so what first and last share is shared by all
        fork += 1
    groups: list[list[tuple[bytes, int]]] = [[] for _ in range(16)]
    for key in keys:
        groups[key[0][fork]].append(key)
    children = tuple(_plan_node(group, fork + 1) if group else None for group in groups)
    return _Branch(children, _encode_path(first[depth:fork], leaf=False) if fork > depth else b"")


def _nibbles(key: bytes) -> bytes:
    return bytes(nibble for byte in key for nibble in (byte >> 4, byte & 15))


def _encode_path(nibbles: bytes, *, leaf: bool) -> bytes:
    """Hex-prefix encoding (Yellow Paper, appendix C), as an RLP string."""
    flag = 2 if leaf else 0
    padded = bytes((flag | 1,)) + nibbles if len(nibbles) % 2 else bytes((flag, 0)) + nibbles
    pairs = zip(padded[::2], padded[1::2], strict=True)
    return encode_bytes(bytes(high << 4 | low for high, low in pairs))
