"""What the validators make must be what the network's rules say (FACTS of each consensus)."""

from collections import Counter
from itertools import pairwise

import pytest

from devnet.chain import Devnet
from devnet.sealing import next_base_fee
from evm.blocks import Block
from evm.consensus import (
    Consensus,
    committers,
    detect_consensus,
    header_hash,
    proposer,
    round_number,
    validators,
)
from evm.tries import receipts_root, transactions_root, withdrawals_root


def blocks_of(devnet: Devnet) -> list[Block]:
    found = [devnet.block(number) for number in range(devnet.head.header.number + 1)]
    return [block for block in found if block is not None]


@pytest.mark.parametrize("consensus", list(Consensus))
def test_block_of_each_consensus_agrees_with_its_header(consensus: Consensus) -> None:
    devnet = Devnet(9, consensus, history_blocks=20)
    devnet.reorg(3)
    for block in blocks_of(devnet):
        header = block.header
        assert detect_consensus(header) is consensus
        assert header_hash(header, consensus) == block.hash
        assert header.transactions_root == transactions_root(block.transactions)
        assert header.receipts_root == receipts_root(block.receipts)
        assert header.gas_used == sum(receipt.gas_used for receipt in block.receipts)
        logs = [log for receipt in block.receipts for log in receipt.logs]
        assert [log.log_index for log in logs] == list(range(len(logs)))
        if block.withdrawals is not None:
            assert header.withdrawals_root == withdrawals_root(block.withdrawals)


@pytest.mark.parametrize("consensus", [Consensus.QBFT, Consensus.IBFT2])
def test_bft_blocks_are_proposed_in_rotation_and_sealed_by_a_quorum(consensus: Consensus) -> None:
    devnet = Devnet(4, consensus, history_blocks=80, transactions_per_block=0)
    known = tuple(pair.address for pair in devnet.validators)
    assert known == tuple(sorted(known))
    assert validators(devnet.genesis.header, consensus) == known
    rounds, sizes = Counter[int | None](), Counter[int]()
    for parent, block in pairwise(blocks_of(devnet)):
        assert validators(block.header, consensus) == known
        round_made = round_number(block.header, consensus)
        last = known.index(parent.header.miner) if parent.header.number else -1
        assert proposer(block.header, consensus) == known[(last + 1 + (round_made or 0)) % 4]
        sealed_by = committers(block.header, consensus)
        assert len(set(sealed_by)) == len(sealed_by) >= 3
        assert set(sealed_by) <= set(known)
        rounds[round_made] += 1
        sizes[len(sealed_by)] += 1
    assert set(rounds) == {0, 1}
    assert set(sizes) == {3, 4}


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_clique_blocks_are_signed_in_turn_by_who_may(count: int) -> None:
    devnet = Devnet(4, "clique", history_blocks=60, transactions_per_block=0, validators=count)
    known = [pair.address for pair in devnet.validators]
    assert list(validators(devnet.genesis.header, Consensus.CLIQUE)) == known
    signers: list[bytes] = []
    for block in blocks_of(devnet)[1:]:
        signer = proposer(block.header, Consensus.CLIQUE)
        assert signer in known
        assert signer not in signers[len(signers) - count // 2 :] or count == 1
        assert block.header.difficulty == (2 if known[block.header.number % count] == signer else 1)
        signers.append(signer)
    assert blocks_of(devnet)[-1].total_difficulty == 1 + sum(
        b.header.difficulty for b in blocks_of(devnet)[1:]
    )
    if count > 2:
        assert {block.header.difficulty for block in blocks_of(devnet)} == {1, 2}


def test_ethereum_blocks_carry_every_field_up_to_prague() -> None:
    devnet = Devnet(4, "ethereum", history_blocks=20)
    fees = [block.header.base_fee_per_gas or 0 for block in blocks_of(devnet)]
    assert fees[0] > fees[-1] > 0
    for parent, block in pairwise(blocks_of(devnet)):
        assert block.total_difficulty is None
        assert block.header.base_fee_per_gas == next_base_fee(parent.header)
        assert block.header.requests_hash is not None
        assert block.header.block_access_list_hash is None
    assert any(block.withdrawals for block in blocks_of(devnet))


def test_base_fee_rises_above_a_full_parent_by_an_eighth() -> None:
    header = Devnet(1, "ethereum").genesis.header
    full = type(header)(
        **{name: getattr(header, name) for name in header.__struct_fields__} | {"gas_used": header.gas_limit}
    )
    assert next_base_fee(full) == (header.base_fee_per_gas or 0) * 9 // 8


def test_bft_and_clique_fees_are_those_of_a_network_without_gas_price() -> None:
    assert Devnet(1, "qbft", history_blocks=1).head.header.base_fee_per_gas == 0
    assert Devnet(1, "clique", history_blocks=1).head.header.base_fee_per_gas is None
