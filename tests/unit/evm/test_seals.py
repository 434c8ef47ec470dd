"""What headers say of their consensus, against real blocks."""

import pytest
from msgspec.structs import replace

from evm.blocks import Header
from evm.consensus import Consensus
from evm.duty import is_quorum
from evm.extra_data import MalformedExtraData, decode_clique, decode_qbft, encode_clique, encode_qbft
from evm.primitives import hex_to_bytes, to_hex
from evm.seals import read_seals

from . import real_blocks as real


def test_seals_of_a_real_qbft_block_are_three_of_its_four_validators() -> None:
    sealed = read_seals(real.QBFT_7528, Consensus.QBFT)
    assert sealed is not None
    assert tuple(map(to_hex, sealed.listed)) == real.QBFT_7528_VALIDATORS
    assert len(sealed.committers) == len({*sealed.committers} & {*sealed.listed}) == 3
    assert is_quorum(sealed.committers, sealed.listed)
    assert (sealed.number, sealed.proposer) == (7528, real.QBFT_7528.miner)
    assert (sealed.round, sealed.vote, sealed.in_turn) == (1, None, None)


def test_seals_of_a_real_ibft2_block_are_its_only_validators() -> None:
    sealed = read_seals(real.IBFT2_100655, Consensus.IBFT2)
    assert sealed is not None
    assert sealed.committers == sealed.listed == (real.IBFT2_100655.miner,)
    assert (sealed.round, sealed.vote) == (0, None)


def test_seals_of_a_real_clique_block_are_its_signer_in_turn() -> None:
    sealed = read_seals(real.GOERLI_1, Consensus.CLIQUE)
    assert sealed is not None
    assert to_hex(sealed.proposer) == real.GOERLI_AUTHORITY
    assert sealed.committers == (sealed.proposer,)
    assert (sealed.round, sealed.vote, sealed.listed, sealed.in_turn) == (None, None, (), True)


@pytest.mark.parametrize(
    ("genesis", "consensus", "validators"),
    [(real.GOERLI_GENESIS, Consensus.CLIQUE, 1), (real.QBFT_GENESIS, Consensus.QBFT, 5)],
)
def test_genesis_lists_validators_and_has_no_seals(
    genesis: Header, consensus: Consensus, validators: int
) -> None:
    sealed = read_seals(genesis, consensus)
    assert sealed is not None
    assert (len(sealed.listed), sealed.committers, sealed.in_turn) == (validators, (), None)


def test_ethereum_block_is_sealed_by_nobody() -> None:
    assert read_seals(real.MAINNET_1, Consensus.ETHEREUM) is None


@pytest.mark.parametrize("nonce", [bytes(8), b"\xff" * 8])
def test_clique_vote_is_read_from_miner_and_nonce(nonce: bytes) -> None:
    subject = hex_to_bytes("0x" + "ab" * 20)
    sealed = read_seals(replace(real.GOERLI_1, miner=subject, nonce=nonce, difficulty=1), Consensus.CLIQUE)
    assert sealed is not None
    assert sealed.vote == (subject, nonce != bytes(8))
    assert sealed.in_turn is False


def test_seal_that_no_key_made_is_left_out() -> None:
    extra = decode_qbft(real.QBFT_7528.extra_data)
    seals = (bytes(65), *extra.seals, b"\xff" * 65, extra.seals[0][:64] + b"\x07")
    header = replace(real.QBFT_7528, extra_data=encode_qbft(replace(extra, seals=seals)))
    assert read_seals(header, Consensus.QBFT) == read_seals(real.QBFT_7528, Consensus.QBFT)


def test_clique_block_without_a_signer_is_malformed() -> None:
    extra = replace(decode_clique(real.GOERLI_1.extra_data), seal=bytes(65))
    with pytest.raises(MalformedExtraData, match="no key"):
        read_seals(replace(real.GOERLI_1, extra_data=encode_clique(extra)), Consensus.CLIQUE)


@pytest.mark.parametrize("consensus", [Consensus.QBFT, Consensus.IBFT2, Consensus.CLIQUE])
def test_extra_data_of_another_shape_is_malformed(consensus: Consensus) -> None:
    with pytest.raises(MalformedExtraData):
        read_seals(replace(real.QBFT_7528, extra_data=b"\x01"), consensus)
