"""Hashes and seals, against real blocks and against headers hashed and sealed by independent libraries."""

from collections.abc import Callable
from typing import Any

import pytest
import rlp as reference
from eth_keys.backends.native.main import NativeECCBackend
from eth_keys.main import KeyAPI
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from evm.blocks import Header
from evm.consensus import (
    BFT_MIX_HASH,
    Consensus,
    committers,
    detect_consensus,
    has_immediate_finality,
    header_fields,
    header_hash,
    proposer,
    round_number,
    seal_hash,
    validators,
)
from evm.extra_data import CliqueExtra, Ibft2Extra, QbftExtra, encode_clique, encode_ibft2, encode_qbft
from evm.primitives import to_hex
from evm.secp256k1 import InvalidSignature

from . import real_blocks as real

keys = [KeyAPI(NativeECCBackend()).PrivateKey(keccak(b"validator %d" % number)) for number in range(4)]
ADDRESSES = tuple(key.public_key.to_canonical_address() for key in keys)
VANITY = b"pend test".ljust(32, b"\x00")


def header(extra_data: bytes, **changes: Any) -> Header:
    fields: dict[str, Any] = {
        "number": 4_242,
        "parent_hash": keccak(b"parent"),
        "sha3_uncles": keccak(reference.encode([])),
        "miner": ADDRESSES[2],
        "state_root": keccak(b"state"),
        "transactions_root": keccak(b"transactions"),
        "receipts_root": keccak(b"receipts"),
        "logs_bloom": bytes(256),
        "difficulty": 1,
        "gas_limit": 30_000_000,
        "gas_used": 21_000,
        "timestamp": 1_700_000_000,
        "extra_data": extra_data,
        "mix_hash": BFT_MIX_HASH,
        "nonce": bytes(8),
        "base_fee_per_gas": 0,
    }
    return Header(**fields | changes)


def independent_hash(of: Header, extra_data: bytes) -> bytes:
    """Hash of a London header with other extraData, by the rlp library and field names."""
    items = [
        of.parent_hash,
        of.sha3_uncles,
        of.miner,
        of.state_root,
        of.transactions_root,
        of.receipts_root,
        of.logs_bloom,
        of.difficulty,
        of.number,
        of.gas_limit,
        of.gas_used,
        of.timestamp,
        extra_data,
        of.mix_hash,
        of.nonce,
        of.base_fee_per_gas,
    ]
    return bytes(keccak(reference.encode(items)))


def seals_over(signed: bytes, signers: list[int]) -> tuple[bytes, ...]:
    return tuple(keys[signer].sign_msg_hash(signed).to_bytes() for signer in signers)


def test_real_blocks_have_their_published_hashes() -> None:
    for block, consensus, expected in (
        (real.MAINNET_GENESIS, Consensus.ETHEREUM, real.MAINNET_GENESIS_HASH),
        (real.MAINNET_1, Consensus.ETHEREUM, real.MAINNET_1_HASH),
        (real.GOERLI_GENESIS, Consensus.CLIQUE, real.GOERLI_GENESIS_HASH),
        (real.GOERLI_1, Consensus.CLIQUE, real.GOERLI_1_HASH),
        (real.IBFT2_100655, Consensus.IBFT2, real.IBFT2_100655_HASH),
        (real.QBFT_GENESIS, Consensus.QBFT, real.QBFT_GENESIS_HASH),
    ):
        assert detect_consensus(block) is consensus
        assert to_hex(header_hash(block, consensus)) == expected


def test_real_clique_block_was_signed_by_the_authority_of_its_genesis() -> None:
    listed = validators(real.GOERLI_GENESIS, Consensus.CLIQUE)
    assert [to_hex(address) for address in listed] == [real.GOERLI_AUTHORITY]
    assert committers(real.GOERLI_1, Consensus.CLIQUE) == listed
    assert proposer(real.GOERLI_1, Consensus.CLIQUE) == listed[0] != real.GOERLI_1.miner


def test_real_ibft2_block_was_sealed_by_its_only_validator() -> None:
    block = real.IBFT2_100655
    assert committers(block, Consensus.IBFT2) == validators(block, Consensus.IBFT2) == (block.miner,)
    assert round_number(block, Consensus.IBFT2) == 0


def test_real_qbft_block_was_sealed_by_three_of_its_four_validators() -> None:
    block = real.QBFT_7528
    assert detect_consensus(block) is Consensus.QBFT
    assert to_hex(seal_hash(block, Consensus.QBFT)) == real.QBFT_7528_SEAL_HASH
    listed = validators(block, Consensus.QBFT)
    assert tuple(to_hex(address) for address in listed) == real.QBFT_7528_VALIDATORS
    sealed_by = committers(block, Consensus.QBFT)
    assert len(set(sealed_by)) == 3
    assert set(sealed_by) < set(listed)
    assert proposer(block, Consensus.QBFT) in listed
    assert round_number(block, Consensus.QBFT) == 1


def test_real_qbft_genesis_has_validators_but_no_committers() -> None:
    assert len(validators(real.QBFT_GENESIS, Consensus.QBFT)) == 5
    assert committers(real.QBFT_GENESIS, Consensus.QBFT) == ()


@pytest.mark.parametrize("vote", [None, (b"\x77" * 20, True), (b"\x77" * 20, False)])
@pytest.mark.parametrize("round_", [0, 1, 300])
def test_qbft_header_sealed_elsewhere_gives_hash_round_and_committers(
    vote: tuple[bytes, bool] | None, round_: int
) -> None:
    vote_item: list[bytes] = [] if vote is None else [vote[0], b"\xff" if vote[1] else b""]
    unsealed = header(b"")
    signed = independent_hash(unsealed, reference.encode([VANITY, list(ADDRESSES), vote_item, round_, []]))
    seals = seals_over(signed, [3, 0, 1])
    extra = reference.encode([VANITY, list(ADDRESSES), vote_item, round_, list(seals)])
    sealed = replace(unsealed, extra_data=extra)

    assert detect_consensus(sealed) is Consensus.QBFT
    assert seal_hash(sealed, Consensus.QBFT) == signed
    onchain = reference.encode([VANITY, list(ADDRESSES), vote_item, 0, []])
    assert header_hash(sealed, Consensus.QBFT) == independent_hash(unsealed, onchain)
    assert committers(sealed, Consensus.QBFT) == (ADDRESSES[3], ADDRESSES[0], ADDRESSES[1])
    assert validators(sealed, Consensus.QBFT) == ADDRESSES
    assert round_number(sealed, Consensus.QBFT) == round_
    assert proposer(sealed, Consensus.QBFT) == ADDRESSES[2]
    ours = QbftExtra(vanity=VANITY, validators=ADDRESSES, vote=vote, round=round_, seals=seals)
    assert encode_qbft(ours) == extra


@pytest.mark.parametrize("vote", [None, (b"\x77" * 20, True), (b"\x77" * 20, False)])
@pytest.mark.parametrize("round_", [0, 1, 300])
def test_ibft2_header_sealed_elsewhere_gives_hash_round_and_committers(
    vote: tuple[bytes, bool] | None, round_: int
) -> None:
    vote_item: Any = b"" if vote is None else [vote[0], b"\xff" if vote[1] else b"\x00"]
    round_item = round_.to_bytes(4, "big")
    unsealed = header(b"")
    signed = independent_hash(unsealed, reference.encode([VANITY, list(ADDRESSES), vote_item, round_item]))
    seals = seals_over(signed, [0, 2, 3])
    extra = reference.encode([VANITY, list(ADDRESSES), vote_item, round_item, list(seals)])
    sealed = replace(unsealed, extra_data=extra)

    assert detect_consensus(sealed) is Consensus.IBFT2
    assert seal_hash(sealed, Consensus.IBFT2) == signed
    onchain = reference.encode([VANITY, list(ADDRESSES), vote_item])
    assert header_hash(sealed, Consensus.IBFT2) == independent_hash(unsealed, onchain)
    assert committers(sealed, Consensus.IBFT2) == (ADDRESSES[0], ADDRESSES[2], ADDRESSES[3])
    assert round_number(sealed, Consensus.IBFT2) == round_
    ours = Ibft2Extra(vanity=VANITY, validators=ADDRESSES, vote=vote, round=round_, seals=seals)
    assert encode_ibft2(ours) == extra


@pytest.mark.parametrize("signers", [(), ADDRESSES])
def test_clique_header_signed_elsewhere_gives_its_signer(signers: tuple[bytes, ...]) -> None:
    unsealed = header(b"", mix_hash=bytes(32), miner=bytes(20), difficulty=2)
    signed = independent_hash(unsealed, VANITY + b"".join(signers))
    (seal,) = seals_over(signed, [1])
    sealed = replace(
        unsealed, extra_data=encode_clique(CliqueExtra(vanity=VANITY, validators=signers, seal=seal))
    )

    assert detect_consensus(sealed) is Consensus.CLIQUE
    assert seal_hash(sealed, Consensus.CLIQUE) == signed
    assert header_hash(sealed, Consensus.CLIQUE) == independent_hash(unsealed, sealed.extra_data)
    assert proposer(sealed, Consensus.CLIQUE) == ADDRESSES[1]
    assert validators(sealed, Consensus.CLIQUE) == signers
    assert round_number(sealed, Consensus.CLIQUE) is None


def test_clique_genesis_has_signers_but_no_proposer_seal() -> None:
    extra = encode_clique(CliqueExtra(validators=ADDRESSES))
    for mix_hash in (bytes(32), BFT_MIX_HASH):  # genesis files are copied from one network to another
        genesis = header(extra, number=0, mix_hash=mix_hash, miner=bytes(20))
        assert detect_consensus(genesis) is Consensus.CLIQUE
        assert committers(genesis, Consensus.CLIQUE) == ()
        assert proposer(genesis, Consensus.CLIQUE) == bytes(20)


def test_seal_that_no_key_made_is_refused_when_committers_are_asked_for() -> None:
    extra = QbftExtra(validators=ADDRESSES, seals=(bytes(65),))
    with pytest.raises(InvalidSignature):
        committers(header(encode_qbft(extra)), Consensus.QBFT)


def test_bft_block_hash_is_the_same_whoever_sealed_it() -> None:
    for encode, kind, consensus in (
        (encode_qbft, QbftExtra, Consensus.QBFT),
        (encode_ibft2, Ibft2Extra, Consensus.IBFT2),
    ):
        encoder: Callable[[Any], bytes] = encode
        hashes = {
            header_hash(header(encoder(kind(validators=ADDRESSES, round=r, seals=seals))), consensus)
            for r, seals in ((0, ()), (0, (b"\x01" * 65,)), (5, (b"\x02" * 65, b"\x03" * 65)))
        }
        assert len(hashes) == 1


FORK_FIELDS: dict[str, Any] = {
    "base_fee_per_gas": 7,
    "withdrawals_root": keccak(b"withdrawals"),
    "blob_gas_used": 131_072,
    "excess_blob_gas": 0,
    "parent_beacon_block_root": keccak(b"beacon"),
    "requests_hash": keccak(b"requests"),
    "block_access_list_hash": keccak(b"accesses"),
    "slot_number": 9_000_000,
}


@pytest.mark.parametrize("count", range(len(FORK_FIELDS) + 1))
def test_header_of_each_fork_has_the_fields_up_to_it(count: int) -> None:
    present = dict(list(FORK_FIELDS.items())[:count])
    of = header(b"", **{"base_fee_per_gas": None} | present)
    # The two blob fields came with one fork, so one alone has no place.
    expected = list(present.values())[: 2 if count == 3 else count]
    items = [
        value if isinstance(value, bytes) else value.to_bytes(8, "big").lstrip(b"\x00") for value in expected
    ]
    assert header_fields(of)[15:] == items


def test_header_field_behind_a_missing_one_is_outside_the_hash() -> None:
    # Besu's BFT chains from Cancun on: blob fields are shown, withdrawals do not exist.
    bare = header(encode_qbft(QbftExtra(validators=ADDRESSES)))
    shown = replace(bare, blob_gas_used=0, excess_blob_gas=0, parent_beacon_block_root=bytes(32))
    assert header_hash(shown, Consensus.QBFT) == header_hash(bare, Consensus.QBFT)


def test_detect_consensus_of_a_development_or_beacon_block_is_ethereum() -> None:
    assert detect_consensus(header(b"", mix_hash=bytes(32), difficulty=0)) is Consensus.ETHEREUM
    assert detect_consensus(header(b"geth", mix_hash=keccak(b"randao"), difficulty=0)) is Consensus.ETHEREUM
    assert detect_consensus(header(bytes(97), mix_hash=keccak(b"pow"), difficulty=1)) is Consensus.ETHEREUM
    assert detect_consensus(header(bytes(97), mix_hash=bytes(32), nonce=b"\x01" * 8)) is Consensus.ETHEREUM


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=120), st.sampled_from(Consensus), st.integers(0, 1))
def test_header_with_any_extra_data_raises_nothing_but_value_errors(
    data: bytes, consensus: Consensus, number: int
) -> None:
    of = header(data, number=number)
    detected = detect_consensus(of)
    assert isinstance(detected, Consensus)
    for question in (header_hash, seal_hash, proposer, committers, validators, round_number):
        try:
            question(of, consensus)
        except ValueError:
            continue


def test_ethereum_seal_hash_is_without_mix_hash_and_nonce() -> None:
    # Ethash works on the header without its own results; 13 fields remain of mainnet's first block.
    items = header_fields(real.MAINNET_1)
    assert seal_hash(real.MAINNET_1, Consensus.ETHEREUM) == keccak(reference.encode(items[:13]))


def test_finality_is_immediate_on_bft_alone() -> None:
    immediate = {consensus for consensus in Consensus if has_immediate_finality(consensus)}
    assert immediate == {Consensus.QBFT, Consensus.IBFT2}
