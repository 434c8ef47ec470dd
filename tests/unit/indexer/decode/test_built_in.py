"""The ABIs that ship are those of the contracts they are for."""

from devnet import pools, tokens
from devnet.abi import selector
from evm.abi.entries import Abi
from indexer.decode.abis import built_in
from indexer.decode.knowledge import Knowledge
from indexer.decode.reader import JUDGED

ABIS = {each.name: each.abi for each in built_in()}


def declared(abi: Abi) -> set[bytes]:
    return {function.selector for function in abi.functions}


def test_abi_of_a_pool_declares_what_the_pool_has() -> None:
    pool = ABIS["pend_pool"]
    assert declared(pool) == set(pools.POOL)
    assert {event.topic0 for event in pool.events} == {pools.INVESTED, pools.WITHDRAWN, pools.TIER_CHANGED}
    assert [error.selector for error in pool.errors] == [pools.INSUFFICIENT_INVESTMENT]


def test_abis_of_tokens_declare_their_events() -> None:
    assert {event.topic0 for event in ABIS["erc20"].events} == {tokens.TRANSFER, tokens.APPROVAL}
    assert tokens.TRANSFER in {event.topic0 for event in ABIS["erc721"].events}
    batch = {tokens.TRANSFER_SINGLE, tokens.TRANSFER_BATCH}
    assert batch <= {event.topic0 for event in ABIS["erc1155"].events}
    assert selector("transfer(address,uint256)") in declared(ABIS["erc20"])


def test_every_built_in_event_is_read_without_a_second_that_might_be_meant() -> None:
    reader = Knowledge([]).at(0).common
    for each in built_in():
        for event in each.abi.events:
            plan = reader.events[event.topic0, event.topic_count]
            assert plan is not None
            assert plan is not JUDGED, event.signature
