"""What users of other indexers complain of loudest (LESSONS.md 3), as far as a node client can cause it.

Each test serves the fault over a real connection and would fail if this client did what is complained of.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio

from devnet.chain import Devnet
from devnet.server import DevnetServer
from devnet.weather.answers import (
    EmptyReceipts,
    ForeignReceipts,
    MissingLogs,
    NullReceipts,
    RemovedLogs,
    ShortReceipts,
)
from devnet.weather.fault import Fault
from devnet.weather.networks import HeadBack, Lagging, OtherBranch
from devnet.weather.spells import Spell
from devnet.weather.transport import ConnectionDropped, HttpStatus, Stalled
from evm.consensus import Consensus
from node.client import NodeClient
from node.errors import NodeInconsistent
from node.heads import heads
from node.wire import FetchedBlock, to_block
from tests.integration.node.scripted_node import Recorder, ScriptedNode, client_of, quick

TIMEOUT_S = 10.0
NUMBERS = range(5, 15)


@pytest_asyncio.fixture
async def server(chain: Devnet) -> AsyncIterator[DevnetServer]:
    async with DevnetServer(chain) as server:
        yield server


@pytest_asyncio.fixture
async def other(chain: Devnet) -> AsyncIterator[DevnetServer]:
    async with DevnetServer(chain) as server:
        yield server


@asynccontextmanager
async def client_to(
    *servers: DevnetServer, recorder: Recorder | None = None, **changes: Any
) -> AsyncIterator[NodeClient]:
    urls = [server.http_url for server in servers]
    async with NodeClient(quick(*urls, **changes), recorder) as client:
        yield client


def host(server: DevnetServer) -> str:
    return server.http_url.removeprefix("http://")


def network(chain: Devnet) -> tuple[int, str]:
    return chain.chain_id, "0x" + chain.genesis.hash.hex()


def assert_true(fetched: list[FetchedBlock], chain: Devnet, numbers: range = NUMBERS) -> None:
    assert [to_block(block) for block in fetched] == [chain.block(number) for number in numbers]


async def test_empty_answer_about_a_block_with_content_is_not_taken_for_no_content(
    scripted: ScriptedNode, recorder: Recorder
) -> None:
    """besu#7804 (LESSONS 9): an empty trace was read as "no calls".

    No trace is read here; the same mistake would be to read an empty list of transactions as an empty block.
    """

    def emptied(method: str, result: Any) -> Any:
        if method == "eth_getBlockByNumber":
            result["transactions"] = []
        return result

    scripted.twist = emptied
    async with client_of(scripted, observer=recorder) as client:
        with pytest.raises(NodeInconsistent) as caught:
            await client.fetch_blocks([5], full=False)
    assert caught.value.inconsistency == "transactions_missing"


async def test_head_that_moves_back_on_an_idle_chain_names_blocks_of_the_same_chain(
    server: DevnetServer, chain: Devnet
) -> None:
    """blockscout#3367 (LESSONS 10): on an idle private chain a flapping head was taken for reorgs.

    What is passed on is a number with its hash and parent, by which a reader sees that nothing competes.
    """
    async with (
        client_to(server) as client,
        aclosing(heads(client, ws_url=None, poll_interval_s=0.001)) as stream,
    ):
        seen = [await anext(stream)]
        for flap in range(4):
            if flap % 2:
                server.clear_weather()
            else:
                server.set_weather([Spell(HeadBack(behind=3))])
            seen.append(await asyncio.wait_for(anext(stream), TIMEOUT_S))
        # Nothing new, nothing said.
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(stream), 0.1)
    assert [head.number for head in seen] == [24, 21, 24, 21, 24]
    for head in seen:
        block = chain.block(head.number)
        assert block is not None
        assert (head.hash, head.parent_hash) == (
            f"0x{block.hash.hex()}",
            f"0x{block.header.parent_hash.hex()}",
        )


async def test_endpoint_that_is_still_syncing_is_not_asked_while_another_is_ahead(
    server: DevnetServer, other: DevnetServer, chain: Devnet, recorder: Recorder
) -> None:
    """ponder#2221 (LESSONS 11): a syncing node caused a false rollback and corruption."""
    server.set_weather([Spell(Lagging(behind=15))])
    async with client_to(server, other, recorder=recorder) as client:
        await client.verify_network(*network(chain))
        assert recorder.set_aside == [(host(server), "lagging")]
        assert await client.head_number() == 24
        latest = await client.fetch_header("latest")
        assert latest is not None
        assert latest.number == hex(24)
        (fetched,) = await client.fetch_blocks([20], full=False)
        assert fetched.endpoint == host(other)


async def test_block_whose_logs_are_marked_removed_is_asked_for_again_by_hash(
    server: DevnetServer, chain: Devnet, recorder: Recorder
) -> None:
    """graph-node#5661 (LESSONS 14): a log with removed:true got the indexer stuck for ever."""
    weather = server.set_weather([Spell(RemovedLogs(), attempts=2)])
    asked = "0x" + chain.head.hash.hex()
    async with client_to(server, recorder=recorder) as client:
        fetched = await client.fetch_block_by_hash(asked, full=True)
    assert fetched is not None
    assert to_block(fetched) == chain.head
    assert not any(log.removed for receipt in fetched.receipts for log in receipt.logs)
    assert weather.struck["removed_logs"] == 2
    assert recorder.inconsistent == ["log_removed"] * 2


async def test_parts_of_a_block_are_never_put_together_from_two_branches(chain: Devnet) -> None:
    """graph-node#5586 (LESSONS 15): under load, answers of two nodes behind one name made a false reorg.

    Two endpoints follow two branches, and either fails at random in the middle of a batch of blocks.
    """
    clique = Devnet(7, Consensus.CLIQUE, history_blocks=24, transactions_per_block=4)
    async with DevnetServer(clique) as first, DevnetServer(clique) as second:
        branch = OtherBranch(depth=10)
        drops = Spell(ConnectionDropped(), probability=0.3, methods=frozenset({"eth_getBlockReceipts"}))
        first.set_weather([drops], seed=1)
        second.set_weather([drops, Spell(branch)], seed=2)
        async with client_to(first, second, deadline_s=TIMEOUT_S) as client:
            told: dict[str, set[bytes]] = {}
            for _ in range(20):
                for block in await client.fetch_blocks(range(18, 23), full=True):
                    told.setdefault(block.endpoint, set()).add(to_block(block).hash)
    # Full checks passed for each, and each endpoint told one branch only.
    assert {len(hashes) for hashes in told.values()} == {5}
    assert len(told) == 2
    assert not told[host(first)] & told[host(second)]


@pytest.mark.parametrize("endpoints", [1, 2])
async def test_receipts_of_another_block_lead_back_to_the_header_not_round_in_a_loop(
    server: DevnetServer, other: DevnetServer, chain: Devnet, recorder: Recorder, endpoints: int
) -> None:
    """graph-node#4917 (LESSONS 16): a receipt whose blockHash did not match was asked for again for ever."""
    weather = server.set_weather([Spell(ForeignReceipts(), attempts=1 if endpoints == 1 else None)])
    async with client_to(*(server, other)[:endpoints], recorder=recorder) as client:
        assert_true(await client.fetch_blocks(NUMBERS, full=False), chain)
    assert weather.struck["foreign_receipts"] == len(NUMBERS)
    methods = [method for _, method, _ in recorder.requests]
    # The other endpoint is asked for all of them, the same one for each half.
    assert methods == ["eth_getBlockByNumber", "eth_getBlockReceipts"] * (3 if endpoints == 1 else 2)
    assert recorder.inconsistent == ["receipt_transaction"]


async def test_wrong_answers_here_and_there_do_not_spoil_the_right_ones_beside_them(
    server: DevnetServer, chain: Devnet, recorder: Recorder
) -> None:
    """Four answers in ten are wrong, and a batch of ten almost always: what is right of it is kept."""
    server.set_weather([Spell(ForeignReceipts(), probability=0.4)], seed=1)
    async with client_to(server, recorder=recorder) as client:
        assert_true(await client.fetch_blocks(NUMBERS, full=False), chain)
    assert len(recorder.inconsistent) > 5, "more than asking for all of them again would have borne"


async def test_receipts_that_stay_those_of_another_block_are_given_up_with_the_reason(
    server: DevnetServer, recorder: Recorder
) -> None:
    """graph-node#4917 (LESSONS 16): never for ever: the caller decides what becomes of the block."""
    server.set_weather([Spell(ForeignReceipts())])
    async with client_to(server, recorder=recorder, inconsistent_retries_max=3) as client:
        with pytest.raises(NodeInconsistent) as caught:
            await client.fetch_blocks([9], full=False)
    assert caught.value.number == 9
    assert len(recorder.inconsistent) == 4


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (EmptyReceipts(), "receipt_count"),
        (ShortReceipts(), "receipt_count"),
        (NullReceipts(), "receipts_missing"),
        # As many receipts as transactions, of the right block, with contents that only a root gives away.
        ("contents", "receipts_root"),
    ],
    ids=["empty", "short", "null", "contents"],
)
async def test_receipts_that_are_not_all_there_are_not_stored(
    scripted: ScriptedNode, server: DevnetServer, chain: Devnet, recorder: Recorder, fault: Any, kind: str
) -> None:
    """reth#23394 and 0xPolygon/erigon#64 (LESSONS 17): receipts came empty or short, and were believed."""
    if isinstance(fault, Fault):
        weather = server.set_weather([Spell(fault, attempts=1)])
        async with client_to(server, recorder=recorder) as client:
            assert_true(await client.fetch_blocks(NUMBERS, full=False), chain)
        assert weather.struck[fault.name] == len(NUMBERS)
    else:
        lies = iter([True])

        def spoilt(method: str, result: Any) -> Any:
            if method == "eth_getBlockReceipts" and next(lies, False):
                result[0]["status"] = "0x0" if result[0]["status"] == "0x1" else "0x1"
            return result

        scripted.twist = spoilt
        async with client_of(scripted, observer=recorder) as client:
            assert_true(await client.fetch_blocks(NUMBERS, full=True), chain)
    assert recorder.inconsistent == [kind]


async def test_fresh_block_without_logs_under_a_bloom_is_asked_for_again(
    server: DevnetServer, chain: Devnet, recorder: Recorder
) -> None:
    """erigon#16861 (LESSONS 18): a fresh block came with no logs, and its events were lost."""
    weather = server.set_weather([Spell(MissingLogs(), attempts=3)])
    async with client_to(server, recorder=recorder) as client:
        fetched = await client.fetch_block_by_hash("0x" + chain.head.hash.hex(), full=False)
    assert fetched is not None
    assert to_block(fetched) == chain.head
    assert weather.struck["missing_logs"] == 3
    assert recorder.inconsistent == ["logs_bloom"] * 3


@pytest.mark.parametrize(
    "fault",
    [HttpStatus(429), HttpStatus(503), HttpStatus(504), ConnectionDropped(), Stalled()],
    ids=lambda fault: fault.name,
)
async def test_node_that_was_overloaded_is_used_again_without_a_restart(
    server: DevnetServer, chain: Devnet, recorder: Recorder, fault: Fault
) -> None:
    """rindexer#342 (LESSONS 19): after an overload of the node the indexer stalled until it was restarted."""
    async with client_to(
        server, recorder=recorder, deadline_s=0.05, request_timeout_s=0.1, check_timeout_s=0.1
    ) as client:
        await client.verify_network(*network(chain))
        server.set_weather([Spell(fault)])
        async with asyncio.timeout(TIMEOUT_S):
            while not client.endpoints[0].health.shut:
                await asyncio.gather(
                    *(client.fetch_blocks(NUMBERS, full=False) for _ in range(8)), return_exceptions=True
                )
        # Shut means that the node is left in peace: probes, one after the other, and nothing else.
        recorder.requests.clear()
        await asyncio.gather(
            *(client.fetch_blocks(NUMBERS, full=False) for _ in range(8)), return_exceptions=True
        )
        assert {method for _, method, _ in recorder.requests} <= {"eth_chainId"}
        server.clear_weather()
        async with asyncio.timeout(TIMEOUT_S):
            while True:
                try:
                    fetched = await client.fetch_blocks(NUMBERS, full=False)
                except Exception:  # noqa: BLE001  # the deadlines are shorter than the waits here
                    await asyncio.sleep(0.001)
                else:
                    break
        assert_true(fetched, chain)
        assert client.endpoints[0].health.in_use
