"""The extraData of QBFT, IBFT2 and Clique headers, both ways, genesis included.

QBFT: RLP[vanity, validators, vote, round scalar, seals]. IBFT2: the same with a round of four bytes and
other bytes for votes. Clique: vanity, signers and seal side by side, without RLP.
"""

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from evm.primitives import Address
from evm.rlp import Decoded, Item, RlpError, decode, encode, encode_int, split_list, wrap_list

VANITY_BYTES = 32
SEAL_BYTES = 65

Vote: TypeAlias = tuple[Address, bool]  # the validator voted on; True to add it, False to drop it

_ADDRESS_BYTES = 20
_ROUND_BYTES = 4
_ADD = b"\xff"
_QBFT_DROP = b""
_IBFT2_DROP = b"\x00"
_ENCODED_NO_VOTE_QBFT = b"\xc0"
_ENCODED_NO_VOTE_IBFT2 = b"\x80"

_FIVE_EXPECTED = "vanity, validators, vote, round and seals expected"


class MalformedExtraData(ValueError):
    """extraData that does not have its consensus's shape."""

    def __init__(self, consensus: str, problem: str) -> None:
        super().__init__(f"{consensus} extraData: {problem}")
        self.consensus = consensus
        self.problem = problem


class QbftExtra(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    vanity: bytes = bytes(VANITY_BYTES)
    validators: tuple[Address, ...] = ()  # empty when a contract names them
    vote: Vote | None = None
    round: int = 0
    seals: tuple[bytes, ...] = ()  # one of 65 bytes (r, s, y parity) for each committer


class Ibft2Extra(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    vanity: bytes = bytes(VANITY_BYTES)
    validators: tuple[Address, ...] = ()
    vote: Vote | None = None
    round: int = 0
    seals: tuple[bytes, ...] = ()


class CliqueExtra(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    vanity: bytes = bytes(VANITY_BYTES)
    validators: tuple[Address, ...] = ()  # signers; listed in epoch blocks and genesis only
    seal: bytes = bytes(SEAL_BYTES)


def encode_qbft(extra: QbftExtra) -> bytes:
    vote: Item = ()
    if extra.vote is not None:
        vote = (extra.vote[0], _ADD if extra.vote[1] else _QBFT_DROP)
    return encode((extra.vanity, extra.validators, vote, encode_int(extra.round), extra.seals))


def decode_qbft(data: bytes) -> QbftExtra:
    vanity, validators, vote, round_bytes, seals = _five_items("QBFT", data)
    round_number = _bytes("QBFT", "round", round_bytes)
    if len(round_number) > _ROUND_BYTES or round_number[:1] == b"\x00":
        raise MalformedExtraData("QBFT", f"round 0x{round_number.hex()} is no scalar of at most 4 bytes")
    return QbftExtra(
        vanity=_sized("QBFT", "vanity", vanity, VANITY_BYTES),
        validators=_all_sized("QBFT", "validators", validators, _ADDRESS_BYTES),
        vote=None if vote == [] else _vote("QBFT", vote, _QBFT_DROP),
        round=int.from_bytes(round_number, "big"),
        seals=_all_sized("QBFT", "seals", seals, SEAL_BYTES),
    )


def encode_ibft2(extra: Ibft2Extra) -> bytes:
    vote: Item = b""
    if extra.vote is not None:
        vote = (extra.vote[0], _ADD if extra.vote[1] else _IBFT2_DROP)
    round_bytes = extra.round.to_bytes(_ROUND_BYTES, "big")
    return encode((extra.vanity, extra.validators, vote, round_bytes, extra.seals))


def decode_ibft2(data: bytes) -> Ibft2Extra:
    vanity, validators, vote, round_bytes, seals = _five_items("IBFT2", data)
    return Ibft2Extra(
        vanity=_sized("IBFT2", "vanity", vanity, VANITY_BYTES),
        validators=_all_sized("IBFT2", "validators", validators, _ADDRESS_BYTES),
        vote=None if vote == b"" else _vote("IBFT2", vote, _IBFT2_DROP),
        round=int.from_bytes(_sized("IBFT2", "round", round_bytes, _ROUND_BYTES), "big"),
        seals=_all_sized("IBFT2", "seals", seals, SEAL_BYTES),
    )


def encode_clique(extra: CliqueExtra) -> bytes:
    return extra.vanity + b"".join(extra.validators) + extra.seal


def decode_clique(data: bytes) -> CliqueExtra:
    signers = data[VANITY_BYTES:-SEAL_BYTES]
    if len(data) < VANITY_BYTES + SEAL_BYTES or len(signers) % _ADDRESS_BYTES:
        raise MalformedExtraData("Clique", f"{len(data)} bytes are not 32 + 20 for each signer + 65")
    return CliqueExtra(
        vanity=data[:VANITY_BYTES],
        validators=tuple(
            signers[start : start + _ADDRESS_BYTES] for start in range(0, len(signers), _ADDRESS_BYTES)
        ),
        seal=data[-SEAL_BYTES:],
    )


def is_ibft2(data: bytes) -> bool:
    """True for IBFT2, False for QBFT; raises `MalformedExtraData` where it is neither.

    An absent vote is a string in IBFT2 and a list in QBFT. Beside a vote the round decides, which has four
    bytes in QBFT too from 2**24 on, further than any network gets.
    """
    _, _, vote, round_number, _ = _bft_parts(data)
    if vote == _ENCODED_NO_VOTE_IBFT2:
        return True
    return vote != _ENCODED_NO_VOTE_QBFT and len(round_number) == 1 + _ROUND_BYTES


def hashed_qbft(data: bytes, *, with_round: bool) -> bytes:
    """QBFT's extraData as hashes see it: no seals, and round 0 unless the seals' own hash wants it."""
    vanity, validators, vote, round_number, _ = _bft_parts(data)
    return wrap_list(vanity + validators + vote + (round_number if with_round else b"\x80") + b"\xc0")


def hashed_ibft2(data: bytes, *, with_round: bool) -> bytes:
    """IBFT2's extraData as hashes see it: without the item of seals, and of the round likewise."""
    vanity, validators, vote, round_number, _ = _bft_parts(data)
    return wrap_list(vanity + validators + vote + (round_number if with_round else b""))


def _bft_parts(data: bytes) -> list[bytes]:
    """The five items still encoded; hashing every header need not decode each validator and seal."""
    try:
        parts = split_list(data)
    except RlpError as error:
        raise MalformedExtraData("BFT", str(error)) from error
    if len(parts) != 5:
        raise MalformedExtraData("BFT", f"{_FIVE_EXPECTED}, a list of {len(parts)} found")
    return parts


def _five_items(consensus: str, data: bytes) -> Sequence[Decoded]:
    try:
        items = decode(data)
    except RlpError as error:
        raise MalformedExtraData(consensus, str(error)) from error
    if isinstance(items, bytes) or len(items) != 5:
        found = "a string" if isinstance(items, bytes) else f"a list of {len(items)}"
        raise MalformedExtraData(consensus, f"{_FIVE_EXPECTED}, {found} found")
    return items


def _bytes(consensus: str, name: str, item: Decoded) -> bytes:
    if isinstance(item, bytes):
        return item
    raise MalformedExtraData(consensus, f"{name} is a list of {len(item)}, not bytes")


def _sized(consensus: str, name: str, item: Decoded, size: int) -> bytes:
    data = _bytes(consensus, name, item)
    if len(data) != size:
        raise MalformedExtraData(consensus, f"{name} has {len(data)} bytes, not {size}")
    return data


def _all_sized(consensus: str, name: str, items: Decoded, size: int) -> tuple[bytes, ...]:
    if isinstance(items, bytes):
        raise MalformedExtraData(consensus, f"{name} is a string of {len(items)} bytes, not a list")
    return tuple(_sized(consensus, f"{name}[{index}]", item, size) for index, item in enumerate(items))


def _vote(consensus: str, item: Decoded, drop: bytes) -> Vote:
    if isinstance(item, bytes) or len(item) != 2:
        raise MalformedExtraData(consensus, "vote is neither absent nor a pair of address and type")
    kind = _bytes(consensus, "vote type", item[1])
    if kind not in (_ADD, drop):
        raise MalformedExtraData(consensus, f"vote type 0x{kind.hex()} is neither add nor drop")
    return _sized(consensus, "vote address", item[0], _ADDRESS_BYTES), kind == _ADD
