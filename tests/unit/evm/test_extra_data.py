from collections.abc import Callable
from typing import Any

import pytest
import rlp as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from evm.extra_data import (
    CliqueExtra,
    Ibft2Extra,
    MalformedExtraData,
    QbftExtra,
    decode_clique,
    decode_ibft2,
    decode_qbft,
    encode_clique,
    encode_ibft2,
    encode_qbft,
    hashed_ibft2,
    hashed_qbft,
    is_ibft2,
)

VANITY = b"pend".ljust(32, b"\x00")
ONE, TWO = b"\x01" * 20, b"\x02" * 20
SEAL = b"\x03" * 65

addresses = st.binary(min_size=20, max_size=20)
seals = st.lists(st.binary(min_size=65, max_size=65), max_size=5).map(tuple)
fields = {
    "vanity": st.binary(min_size=32, max_size=32),
    "validators": st.lists(addresses, max_size=5).map(tuple),
    "vote": st.none() | st.tuples(addresses, st.booleans()),
    "round": st.integers(0, 2**32 - 1),
    "seals": seals,
}
qbft_extras = st.builds(QbftExtra, **fields)
ibft2_extras = st.builds(Ibft2Extra, **fields)


@settings(deadline=None)
@given(qbft_extras)
def test_qbft_extra_data_of_any_fields_is_the_rlp_librarys(extra: QbftExtra) -> None:
    vote: list[bytes] = []
    if extra.vote is not None:
        vote = [extra.vote[0], b"\xff" if extra.vote[1] else b""]
    items = [extra.vanity, list(extra.validators), vote, extra.round, list(extra.seals)]
    encoded = encode_qbft(extra)
    assert encoded == reference.encode(items)
    assert decode_qbft(encoded) == extra
    assert hashed_qbft(encoded, with_round=True) == reference.encode([*items[:4], []])
    assert hashed_qbft(encoded, with_round=False) == reference.encode([*items[:3], 0, []])


@settings(deadline=None)
@given(ibft2_extras)
def test_ibft2_extra_data_of_any_fields_is_the_rlp_librarys(extra: Ibft2Extra) -> None:
    vote: bytes | list[bytes] = b""
    if extra.vote is not None:
        vote = [extra.vote[0], b"\xff" if extra.vote[1] else b"\x00"]
    items = [extra.vanity, list(extra.validators), vote, extra.round.to_bytes(4, "big"), list(extra.seals)]
    encoded = encode_ibft2(extra)
    assert encoded == reference.encode(items)
    assert decode_ibft2(encoded) == extra
    assert hashed_ibft2(encoded, with_round=True) == reference.encode(items[:4])
    assert hashed_ibft2(encoded, with_round=False) == reference.encode(items[:3])


@settings(deadline=None)
@given(
    st.builds(
        CliqueExtra,
        vanity=fields["vanity"],
        validators=fields["validators"],
        seal=st.binary(min_size=65, max_size=65),
    )
)
def test_clique_extra_data_of_any_fields_round_trips(extra: CliqueExtra) -> None:
    encoded = encode_clique(extra)
    assert encoded == extra.vanity + b"".join(extra.validators) + extra.seal
    assert decode_clique(encoded) == extra


@settings(deadline=None)
@given(qbft_extras.filter(lambda extra: extra.vote is None or extra.round < 2**24), ibft2_extras)
def test_is_ibft2_tells_the_two_apart(qbft: QbftExtra, ibft2: Ibft2Extra) -> None:
    assert not is_ibft2(encode_qbft(qbft))
    assert is_ibft2(encode_ibft2(ibft2))


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=200))
def test_any_bytes_raise_nothing_but_value_errors(data: bytes) -> None:
    _decode_all(data)


@settings(deadline=None, max_examples=300)
@given(qbft_extras.map(encode_qbft) | ibft2_extras.map(encode_ibft2), st.data())
def test_mutated_extra_data_raises_nothing_but_value_errors(encoded: bytes, data: st.DataObject) -> None:
    mutated = bytearray(encoded)
    for _ in range(data.draw(st.integers(1, 3))):
        mutated[data.draw(st.integers(0, len(mutated) - 1))] = data.draw(st.integers(0, 255))
    _decode_all(bytes(mutated))


@settings(deadline=None)
@given(
    st.recursive(st.binary(max_size=70), lambda children: st.lists(children, max_size=5), max_leaves=20).map(
        lambda item: bytes(reference.encode([item, item, [], b"\x01", []] if len(item) % 2 else item))
    )
)
def test_any_rlp_raises_nothing_but_value_errors(data: bytes) -> None:
    _decode_all(data)


def _decode_all(data: bytes) -> None:
    """What decodes must encode to the same bytes, or the block hash would be made of other ones."""
    codecs: tuple[tuple[Callable[[bytes], Any], Callable[[Any], bytes]], ...] = (
        (decode_qbft, encode_qbft),
        (decode_ibft2, encode_ibft2),
        (decode_clique, encode_clique),
    )
    for decode, encode in codecs:
        try:
            extra = decode(data)
        except MalformedExtraData:
            continue
        assert encode(extra) == data
    for use in (
        is_ibft2,
        lambda d: hashed_qbft(d, with_round=True),
        lambda d: hashed_ibft2(d, with_round=False),
    ):
        try:
            use(data)
        except MalformedExtraData:
            continue


QBFT_FAULTS = {
    "no bytes": (b"", "bytes end"),
    "a string": (b"\x80", "a string"),
    "four items": (reference.encode([VANITY, [ONE], [], b""]), "a list of 4"),
    "six items": (reference.encode([VANITY, [ONE], [], b"", [], b""]), "a list of 6"),
    "a short vanity": (reference.encode([VANITY[:31], [ONE], [], b"", []]), "vanity has 31 bytes"),
    "validators that are bytes": (reference.encode([VANITY, ONE, [], b"", []]), "validators is a string"),
    "a long validator": (
        reference.encode([VANITY, [ONE, TWO + b"\x00"], [], b"", []]),
        r"validators\[1\] has 21",
    ),
    "a vote without type": (reference.encode([VANITY, [ONE], [TWO], b"", []]), "vote is neither"),
    "a vote of another type": (reference.encode([VANITY, [ONE], [TWO, b"\x01"], b"", []]), "vote type 0x01"),
    "a vote of IBFT2": (reference.encode([VANITY, [ONE], [TWO, b"\x00"], b"", []]), "vote type 0x00"),
    "a round with leading zero": (reference.encode([VANITY, [ONE], [], b"\x00\x01", []]), "round 0x0001"),
    "a round of five bytes": (reference.encode([VANITY, [ONE], [], b"\x01" * 5, []]), "round 0x0101010101"),
    "a round that is a list": (reference.encode([VANITY, [ONE], [], [], []]), "round is a list"),
    "a seal cut short": (reference.encode([VANITY, [ONE], [], b"", [SEAL[:64]]]), r"seals\[0\] has 64 bytes"),
    "bytes after it": (encode_qbft(QbftExtra(validators=(ONE,))) + b"\x00", "1 bytes follow"),
}


@pytest.mark.parametrize(("data", "problem"), QBFT_FAULTS.values(), ids=QBFT_FAULTS.keys())
def test_decode_qbft_of_a_fault_says_which(data: bytes, problem: str) -> None:
    with pytest.raises(MalformedExtraData, match=problem) as caught:
        decode_qbft(data)
    assert caught.value.consensus == "QBFT"


@pytest.mark.parametrize("length", [0, 31, 96, 98, 116, 118])
def test_decode_clique_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(MalformedExtraData, match=f"{length} bytes"):
        decode_clique(bytes(length))


def test_qbft_extra_data_of_the_besu_documentation_shape_decodes() -> None:
    # Vanity, two validators, a vote to add, round 0x00FEDCBA and two seals, written by hand from the layout.
    extra = QbftExtra(
        vanity=bytes(range(1, 33)),
        validators=((1).to_bytes(20, "big"), (2).to_bytes(20, "big")),
        vote=((1).to_bytes(20, "big"), True),
        round=0x00FEDCBA,
        seals=(
            (1).to_bytes(32, "big") + (10).to_bytes(32, "big") + b"\x00",
            (10).to_bytes(32, "big") + (1).to_bytes(32, "big") + b"\x00",
        ),
    )
    by_hand = (
        "f8f0"
        "a00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"
        "ea94000000000000000000000000000000000000000194" + "00" * 19 + "02"
        "d794" + "00" * 19 + "0181ff"
        "83fedcba"
        "f886b841" + "00" * 31 + "01" + "00" * 31 + "0a00"
        "b841" + "00" * 31 + "0a" + "00" * 31 + "0100"
    )
    assert encode_qbft(extra).hex() == by_hand
    assert decode_qbft(bytes.fromhex(by_hand)) == extra
