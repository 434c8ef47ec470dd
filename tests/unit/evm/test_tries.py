import rlp as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from trie.hexary import HexaryTrie

from evm.blocks import Receipt, Transaction, Withdrawal
from evm.primitives import EMPTY_ROOT, to_hex
from evm.tries import ordered_root, receipts_root, transactions_root, withdrawals_root


def independent_root(values: list[bytes]) -> bytes:
    trie = HexaryTrie({})
    for index, value in enumerate(values):
        trie[reference.encode(index)] = value
    return bytes(trie.root_hash)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.binary(min_size=1, max_size=90), max_size=40))
def test_ordered_root_of_any_list_is_the_trie_librarys(values: list[bytes]) -> None:
    assert ordered_root(values) == independent_root(values)


@settings(deadline=None, max_examples=12)
@given(st.integers(120, 400), st.integers(1, 60), st.randoms(use_true_random=False))
def test_ordered_root_across_the_key_widths_is_the_trie_librarys(
    count: int, size: int, random: object
) -> None:
    values = [(index.to_bytes(2, "big") * size)[:size] or b"\x01" for index in range(count)]
    assert ordered_root(values) == independent_root(values)


def test_ordered_root_around_every_change_of_shape_is_the_trie_librarys() -> None:
    for count in (1, 2, 16, 17, 127, 128, 129, 255, 256, 257, 300):
        values = [
            index.to_bytes(2, "big") for index in range(count)
        ]  # short, so nodes stand in their parents
        assert ordered_root(values) == independent_root(values), count


def test_roots_of_nothing_are_the_empty_root() -> None:
    assert transactions_root([]) == receipts_root([]) == withdrawals_root([]) == EMPTY_ROOT


def test_transactions_root_of_mainnet_block_46147_is_its_headers() -> None:
    # The first transaction of mainnet, alone in its block.
    transaction = Transaction(
        type=0,
        nonce=0,
        gas_price=50_000_000_000_000,
        gas_limit=21_000,
        to=bytes.fromhex("5df9b87991262f6ba471f09758cde1c0fc1de734"),
        value=31_337,
        input=b"",
        v=28,
        r=0x88FF6CF0FEFD94DB46111149AE4BFC179E9B94721FFFD821D38D16464B3F71D0,
        s=0x45E0AFF800961CFCE805DAEF7016B9B675C137A6A41A548F7B60A3484C06A33A,
    )
    expected = "0x4513310fcb9f6f616972a3b948dc5d547f280849a87ebb5af0191f98b87be598"
    assert to_hex(transactions_root([transaction])) == expected


def test_receipts_root_of_mainnet_block_46147_is_its_headers() -> None:
    # Before Byzantium: the state after the transaction stands where the status stands today.
    receipt = Receipt(
        type=0,
        root=bytes.fromhex("96a8e009d2b88b1483e6941e6812e32263b05683fac202abc622a3e31aed1957"),
        cumulative_gas_used=21_000,
        gas_used=21_000,
        logs=(),
    )
    expected = "0xfe2bf2a941abf41d72637e5b91750332a30283efd40c424dc522b77e6f0ed8c4"
    assert to_hex(receipts_root([receipt])) == expected


def test_withdrawals_root_of_eip_4895_fields_is_the_trie_librarys() -> None:
    withdrawals = [
        Withdrawal(index=index, validator_index=index * 7, address=bytes([index]) * 20, amount=index * 10**9)
        for index in range(16)
    ]
    encoded = [
        reference.encode([index, index * 7, bytes([index]) * 20, index * 10**9]) for index in range(16)
    ]
    assert withdrawals_root(withdrawals) == independent_root(encoded)
