import os
import subprocess
import sys

import pytest

from devnet.chain import Change, Devnet, ImpossibleReorg
from evm.consensus import Consensus

EVERY_CONSENSUS = list(Consensus)


@pytest.mark.parametrize("consensus", EVERY_CONSENSUS)
def test_devnet_same_seed_makes_the_same_chain(consensus: Consensus) -> None:
    at_once = Devnet(11, consensus, history_blocks=12)
    in_steps = Devnet(11, consensus, history_blocks=3)
    in_steps.advance(4)
    in_steps.advance(5)
    assert in_steps.head == at_once.head
    assert at_once.reorg(3).added == in_steps.reorg(3).added


def test_devnet_other_seed_makes_another_chain() -> None:
    assert Devnet(1).genesis.hash != Devnet(2).genesis.hash


def test_devnet_in_another_process_makes_the_same_chain() -> None:
    """Hash randomisation of Python must not reach the chain."""
    program = "from devnet.chain import Devnet; d = Devnet(5, history_blocks=8); d.reorg(2); print(d.head.hash.hex())"
    heads = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": hash_seed, "PATH": os.defpath},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(heads) == 1


def test_devnet_block_time_and_transactions_are_as_asked() -> None:
    devnet = Devnet(1, transactions_per_block=7, history_blocks=4, block_time_s=1.5)
    blocks = [devnet.block(number) for number in range(5)]
    start = devnet.genesis.header.timestamp
    assert [block.header.timestamp - start for block in blocks if block] == [0, 1, 3, 4, 6]
    assert [len(block.transactions) for block in blocks if block] == [0, 7, 7, 7, 7]


def test_devnet_without_transactions_makes_distinct_empty_blocks() -> None:
    devnet = Devnet(1, transactions_per_block=0, history_blocks=3)
    hashes = {devnet.head.hash}
    for _ in range(3):
        devnet.reorg(1, 1)
        hashes.add(devnet.head.hash)
    assert len(hashes) == 4


@pytest.mark.parametrize("consensus", EVERY_CONSENSUS)
def test_reorg_replaces_the_branch_by_a_linked_one(consensus: Consensus) -> None:
    devnet = Devnet(3, consensus, history_blocks=10)
    old = {number: devnet.block(number) for number in range(11)}
    change = devnet.reorg(4)

    assert [block.header.number for block in change.removed] == [10, 9, 8, 7]
    assert change.added[0].header.parent_hash == change.removed[-1].header.parent_hash
    assert devnet.head == change.added[-1]
    for number in range(1, devnet.head.header.number + 1):
        block, parent = devnet.block(number), devnet.block(number - 1)
        assert block is not None
        assert parent is not None
        assert block.header.parent_hash == parent.hash
        if number <= 6:
            assert block == old[number]
        elif number in old:
            assert block != old[number]


def test_reorg_without_length_makes_the_heavier_branch() -> None:
    for seed in range(8):
        devnet = Devnet(seed, "clique", history_blocks=12, transactions_per_block=0)
        before = devnet.head.total_difficulty
        devnet.reorg(6)
        assert before is not None
        assert (devnet.head.total_difficulty or 0) > before


def test_reorg_with_length_makes_exactly_that_many() -> None:
    devnet = Devnet(3, "clique", history_blocks=10)
    change = devnet.reorg(5, 2)
    assert (len(change.removed), len(change.added), devnet.head.header.number) == (5, 2, 7)


def test_reorg_takes_removed_transactions_up_again_elsewhere() -> None:
    devnet = Devnet(3, "clique", history_blocks=10)
    change = devnet.reorg(3)
    removed = {t.hash for block in change.removed for t in block.transactions}
    added = {t.hash for block in change.added for t in block.transactions}
    assert removed & added
    assert removed - added
    assert added - removed
    for transaction in removed - added:
        assert devnet.location(transaction) is None
    for transaction in added:
        location = devnet.location(transaction)
        assert location is not None
        assert devnet.is_canonical(location.block)
        assert location.block.transactions[location.index].hash == transaction


def test_reorg_keeps_orphans_reachable_by_hash_only() -> None:
    devnet = Devnet(3, "clique", history_blocks=5)
    (orphan,) = devnet.reorg(1).removed
    assert devnet.block(orphan.hash) == orphan
    assert not devnet.is_canonical(orphan)


@pytest.mark.parametrize(("depth", "length"), [(0, None), (6, None), (-1, None), (2, 0)])
def test_reorg_beyond_genesis_or_empty_is_refused_and_changes_nothing(depth: int, length: int | None) -> None:
    devnet = Devnet(3, history_blocks=5)
    head = devnet.head
    with pytest.raises(ImpossibleReorg, match="depth must be 1 to 5"):
        devnet.reorg(depth, length)
    assert devnet.head == head


def test_reorg_back_to_genesis_deploys_the_contracts_again() -> None:
    devnet = Devnet(3, "clique", history_blocks=2)
    devnet.reorg(2)
    for address in devnet.workload.contracts:
        assert devnet.state.read(("code", address))


def test_listener_hears_each_change_once() -> None:
    devnet = Devnet(3, "clique", history_blocks=5)
    heard: list[Change] = []
    devnet.listeners.append(heard.append)
    added = devnet.advance(2)
    change = devnet.reorg(1)
    devnet.advance(0)
    assert [item.added for item in heard] == [added, change.added]
    assert [len(item.removed) for item in heard] == [0, 1]
