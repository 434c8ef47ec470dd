"""Balances follow from events and transactions alone, whatever reorgs came between (invariant 7's oracle)."""

from collections import Counter

import pytest

from devnet import abi
from devnet.chain import Devnet
from devnet.pools import INVESTED, TIER_CHANGED, WITHDRAWN
from devnet.production import GENESIS_BALANCE
from devnet.state import STATE_BLOCKS_MAX, State, StateUnavailable, balance_of, nonce_of
from devnet.tokens import TRANSFER, TRANSFER_BATCH, TRANSFER_SINGLE
from evm.blocks import Block, Log
from evm.primitives import ZERO_ADDRESS


def blocks_of(devnet: Devnet) -> list[Block]:
    found = [devnet.block(number) for number in range(devnet.head.header.number + 1)]
    return [block for block in found if block is not None]


def logs_of(devnet: Devnet) -> list[Log]:
    return [log for block in blocks_of(devnet) for receipt in block.receipts for log in receipt.logs]


@pytest.fixture(scope="module")
def reorganised() -> Devnet:
    devnet = Devnet(21, "clique", history_blocks=120)
    for depth in (1, 7, 30):
        devnet.reorg(depth)
        devnet.advance(5)
    return devnet


def test_erc20_balances_equal_the_sum_of_transfers(reorganised: Devnet) -> None:
    held: Counter[tuple[bytes, bytes]] = Counter()
    for log in logs_of(reorganised):
        if log.topics[0] == TRANSFER and len(log.topics) == 3:
            amount = abi.integer_at(log.data, 0)
            held[log.address, log.topics[1][12:]] -= amount
            held[log.address, log.topics[2][12:]] += amount
    assert len(held) > 40
    for (token, holder), amount in held.items():
        if holder == ZERO_ADDRESS:
            assert reorganised.state.integer((token, "supply")) == -amount
        else:
            assert reorganised.state.integer((token, "balance", holder)) == amount


def test_erc721_owners_equal_the_last_transfers(reorganised: Devnet) -> None:
    owners = {
        (log.address, int.from_bytes(log.topics[3], "big")): log.topics[2][12:]
        for log in logs_of(reorganised)
        if log.topics[0] == TRANSFER and len(log.topics) == 4
    }
    assert len(owners) > 5
    for (token, number), owner in owners.items():
        assert reorganised.state.read((token, "holder", number)) == owner
    for (token, owner), count in Counter((token, owner) for (token, _), owner in owners.items()).items():
        assert reorganised.state.integer((token, "balance", owner)) == count


def test_erc1155_balances_equal_the_sum_of_single_and_batch_transfers(reorganised: Devnet) -> None:
    held: Counter[tuple[int, bytes]] = Counter()
    kinds = Counter[bytes]()
    for log in logs_of(reorganised):
        if log.topics[0] == TRANSFER_SINGLE:
            moved = [(abi.integer_at(log.data, 0), abi.integer_at(log.data, 1))]
        elif log.topics[0] == TRANSFER_BATCH:
            moved = list(zip(abi.array_at(log.data, 0), abi.array_at(log.data, 1), strict=True))
        else:
            continue
        kinds[log.topics[0]] += 1
        for token, amount in moved:
            held[token, log.topics[2][12:]] -= amount
            held[token, log.topics[3][12:]] += amount
    assert set(kinds) == {TRANSFER_SINGLE, TRANSFER_BATCH}
    for (token, holder), amount in held.items():
        if holder != ZERO_ADDRESS:
            assert reorganised.state.integer((reorganised.workload.multi, "balance", token, holder)) == amount


def test_pool_events_add_up_to_what_is_invested_and_to_the_tier(reorganised: Devnet) -> None:
    invested: Counter[tuple[bytes, bytes]] = Counter()
    tiers: dict[tuple[bytes, bytes], int] = {}
    seen = set()
    for log in logs_of(reorganised):
        kind = log.topics[0]
        if kind not in (INVESTED, WITHDRAWN, TIER_CHANGED):
            continue
        seen.add(kind)
        assert log.address in reorganised.workload.pools
        key = (log.address, log.topics[1][12:])
        value = abi.integer_at(log.data, 0)
        if kind == TIER_CHANGED:
            tiers[key] = value
        else:
            invested[key] += value if kind == INVESTED else -value
    assert seen == {INVESTED, WITHDRAWN, TIER_CHANGED}
    asset = reorganised.workload.asset
    for pool in reorganised.workload.pools:
        total = sum(amount for (address, _), amount in invested.items() if address == pool)
        assert reorganised.state.integer((pool, "total")) == total
        assert reorganised.state.integer((asset, "balance", pool)) == total
    for (pool, investor), amount in invested.items():
        assert reorganised.state.integer((pool, "invested", investor)) == amount
        assert tiers.get((pool, investor), 0) == sum(
            amount >= floor for floor in (10**9, 5 * 10**9, 25 * 10**9)
        )


def test_ether_moves_but_neither_appears_nor_vanishes(reorganised: Devnet) -> None:
    holders = {pair.address for pair in (*reorganised.accounts, *reorganised.validators)}
    sent = Counter[bytes]()
    for block in blocks_of(reorganised):
        for transaction in block.transactions:
            holders.add(transaction.to or ZERO_ADDRESS)
            sent[transaction.sender] += 1
    total = sum(reorganised.state.integer(balance_of(address)) for address in holders)
    assert total == GENESIS_BALANCE * len(reorganised.accounts)
    for pair in reorganised.accounts:
        assert reorganised.state.integer(nonce_of(pair.address)) == sent[pair.address]


def test_state_at_an_earlier_block_is_what_stood_then() -> None:
    grown = Devnet(8, history_blocks=40)
    for number in (0, 1, 17, 39, 40):
        then = Devnet(8, history_blocks=number)
        read = grown.state.at(number)
        for pair in grown.accounts:
            for key in (
                balance_of(pair.address),
                nonce_of(pair.address),
                (grown.workload.asset, "balance", pair.address),
            ):
                assert read(key) == then.state.read(key)


def test_state_keeps_512_blocks_and_refuses_the_one_before() -> None:
    state = State()
    for number in range(STATE_BLOCKS_MAX + 10):
        state.apply({("x",): number})
        state.close_block()
    assert state.oldest == state.number - STATE_BLOCKS_MAX
    assert state.at(state.oldest)(("x",)) == state.oldest
    with pytest.raises(StateUnavailable, match=f"oldest kept is that of block {state.oldest}"):
        state.at(state.oldest - 1)
    with pytest.raises(StateUnavailable):
        state.at(state.number + 1)


def test_state_root_changes_with_the_state_only() -> None:
    state = State()
    state.apply({("x",): 1})
    first = state.close_block()
    assert state.close_block() == first
    state.apply({("x",): 2})
    assert state.close_block() != first
    state.undo_block()
    assert state.root == first
