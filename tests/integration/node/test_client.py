"""Blocks over real HTTP from a node that misbehaves in the ways nodes do."""

import asyncio
from typing import Any

import msgspec
import pytest
from aiohttp import web

from devnet.chain import Devnet
from evm.consensus import Consensus
from node.client import NodeClient
from node.errors import (
    AnswerTooLarge,
    BlockMissing,
    CallRejected,
    MethodMissing,
    NodeInconsistent,
    NodeRefused,
    NodeTimeout,
    NodeUnreachable,
)
from node.wire import FetchedBlock, to_block
from tests.integration.node.scripted_node import (
    Calls,
    Fault,
    Recorder,
    ScriptedNode,
    batch_limit,
    body,
    broken_off,
    client_of,
    quick,
    silent,
    status,
    well,
)
from tests.unit.node.answers import block_answer, receipts_answer

NUMBERS = range(5, 15)


def assert_blocks(fetched: list[FetchedBlock], chain: Devnet, numbers: range = NUMBERS) -> None:
    assert [to_block(block) for block in fetched] == [chain.block(number) for number in numbers]


@pytest.mark.parametrize("full", [False, True])
async def test_fetch_blocks_gives_checked_blocks_in_one_batch_each(
    scripted: ScriptedNode, chain: Devnet, recorder: Recorder, full: bool
) -> None:
    async with client_of(scripted, observer=recorder) as client:
        fetched = await client.fetch_blocks(NUMBERS, full=full)
    assert_blocks(fetched, chain)
    assert scripted.requests == [("eth_getBlockByNumber", 10), ("eth_getBlockReceipts", 10)]
    host = f"127.0.0.1:{scripted.port}"
    assert recorder.requests == [
        (host, "eth_getBlockByNumber", None),
        (host, "eth_getBlockReceipts", None),
    ]
    assert {block.endpoint for block in fetched} == {host}
    assert {block.consensus for block in fetched} == {Consensus.QBFT}
    assert {block.unverifiable for block in fetched} == {()}


async def test_fetch_blocks_size_is_the_json_of_all_of_them(scripted: ScriptedNode, chain: Devnet) -> None:
    async with client_of(scripted) as client:
        fetched = await client.fetch_blocks(NUMBERS, full=False)
    expected = 0
    for number in NUMBERS:
        block = chain.block(number)
        assert block is not None
        expected += len(msgspec.json.encode(block_answer(block)))
        expected += len(msgspec.json.encode(receipts_answer(block)))
    assert sum(block.size_bytes for block in fetched) == pytest.approx(expected, rel=0.05)


async def test_fetch_blocks_of_empty_blocks_asks_for_no_receipts() -> None:
    chain = Devnet(3, Consensus.QBFT, history_blocks=4, transactions_per_block=0)
    async with ScriptedNode(chain) as node, client_of(node) as client:
        assert_blocks(await client.fetch_blocks(range(5), full=True), chain, range(5))
        assert node.requests == [("eth_getBlockByNumber", 5)]


async def test_fetch_blocks_of_more_than_a_batch_asks_in_several(
    scripted: ScriptedNode, chain: Devnet
) -> None:
    async with client_of(scripted, batch_blocks_max=4) as client:
        assert_blocks(await client.fetch_blocks(NUMBERS, full=False), chain)
    assert [count for _, count in scripted.requests] == [4, 4, 2, 4, 4, 2]


async def test_fetch_blocks_of_nothing_asks_nothing(scripted: ScriptedNode) -> None:
    async with client_of(scripted) as client:
        assert await client.fetch_blocks([], full=False) == []
    assert scripted.requests == []


@pytest.mark.parametrize("code", [-32601, -32604])
async def test_fetch_blocks_without_block_receipts_asks_per_transaction_from_then_on(
    scripted: ScriptedNode, chain: Devnet, code: int
) -> None:
    scripted.disabled["eth_getBlockReceipts"] = code
    async with client_of(scripted) as client:
        assert_blocks(await client.fetch_blocks(NUMBERS, full=True), chain)
        blocks = [chain.block(number) for number in NUMBERS]
        transactions = sum(len(block.transactions) for block in blocks if block)
        assert scripted.requests[1:] == [
            ("eth_getBlockReceipts", 10),
            ("eth_getTransactionReceipt", transactions),
        ]
        scripted.requests.clear()
        assert_blocks(await client.fetch_blocks(NUMBERS, full=True), chain)
        assert "eth_getBlockReceipts" not in dict(scripted.requests)


async def test_fetch_blocks_where_receipts_refuse_a_hash_asks_by_number(
    scripted: ScriptedNode, chain: Devnet
) -> None:
    asked: list[str] = []

    async def only_numbers(_: web.Request, calls: Calls) -> web.StreamResponse | None:
        if calls[0]["method"] != "eth_getBlockReceipts":
            return None
        asked.append(calls[0]["params"][0])
        if len(asked[-1]) == 66:
            error = {"code": -32602, "message": "Invalid block parameter"}
            return web.json_response([{"jsonrpc": "2.0", "id": call["id"], "error": error} for call in calls])
        return None

    scripted.always = only_numbers
    async with client_of(scripted) as client:
        for _ in range(2):
            assert_blocks(await client.fetch_blocks(NUMBERS, full=False), chain)
    assert asked[1:] == ["0x5", "0x5"]


@pytest.mark.parametrize(
    "fault",
    [
        batch_limit(3, code=-32005),
        batch_limit(3, code=-32005, http_status=400),
        batch_limit(3, code=-32600),
        batch_limit(3, http_status=413),
        batch_limit(3, http_status=504),
    ],
    ids=["besu", "besu-400", "geth", "413", "504"],
)
async def test_fetch_blocks_over_the_nodes_batch_limit_halves_and_remembers(
    scripted: ScriptedNode, chain: Devnet, fault: Fault
) -> None:
    scripted.always = fault
    async with client_of(scripted) as client:
        assert_blocks(await client.fetch_blocks(NUMBERS, full=False), chain)
        assert [count for _, count in scripted.requests][:4] == [10, 5, 2, 2]
        for _ in range(20):
            assert_blocks(await client.fetch_blocks(NUMBERS, full=False), chain)
        counts = [count for _, count in scripted.requests]
        assert [count for count in counts if count > 3] == [10, 5, 4]
        assert counts[-1] in (1, 3)


async def test_fetch_blocks_over_our_byte_limit_halves(scripted: ScriptedNode, chain: Devnet) -> None:
    async with client_of(scripted, max_response_bytes=60_000) as client:
        assert_blocks(await client.fetch_blocks(NUMBERS, full=False), chain)
    assert [count for _, count in scripted.requests][:2] == [10, 5]


async def test_fetch_blocks_where_one_block_is_over_the_byte_limit_raises(scripted: ScriptedNode) -> None:
    async with client_of(scripted, max_response_bytes=100, deadline_s=0.05) as client:
        with pytest.raises(AnswerTooLarge, match="over 100 bytes"):
            await client.fetch_blocks([5], full=False)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (status(500), "refused"),
        (status(503, "busy"), "refused"),
        (status(429), "refused"),
        (body('[{"id":0,"error":{"code":-32603,"message":"Internal error"}}]'), "refused"),
        (body('[{"id":0,"error":{"code":-32000,"message":"header not found"}}]'), "refused"),
        (body("<html>502</html>"), "garbled"),
        (body('[{"id":0,"result":'), "garbled"),
        (body("[]"), "inconsistent"),
        (body('{"id":0,"result":{}}'), "inconsistent"),
        (body("\xff"), "garbled"),
        (broken_off, "unreachable"),
    ],
)
async def test_fetch_blocks_after_a_passing_fault_succeeds(
    scripted: ScriptedNode, chain: Devnet, recorder: Recorder, fault: Fault, kind: str
) -> None:
    scripted.faults.append(fault)
    async with client_of(scripted, observer=recorder) as client:
        assert_blocks(await client.fetch_blocks(NUMBERS, full=False), chain)
    assert recorder.retries == [("eth_getBlockByNumber", kind)]
    assert recorder.requests[0][2] == kind


async def test_fetch_blocks_answered_in_another_order_puts_them_right(
    scripted: ScriptedNode, chain: Devnet
) -> None:
    async def reversed_answers(_: web.Request, calls: Calls) -> web.StreamResponse:
        return web.json_response(scripted.answers(calls)[::-1])

    scripted.always = reversed_answers
    async with client_of(scripted) as client:
        assert_blocks(await client.fetch_blocks(NUMBERS, full=False), chain)


async def test_fetch_blocks_with_a_call_left_unanswered_is_inconsistent(scripted: ScriptedNode) -> None:
    async def of_another(_: web.Request, calls: Calls) -> web.StreamResponse:
        return web.json_response([answer | {"id": 7} for answer in scripted.answers(calls)])

    scripted.always = of_another
    async with client_of(scripted) as client:
        with pytest.raises(NodeInconsistent, match="no response has id 0"):
            await client.fetch_blocks([5, 6], full=False)


async def test_fetch_blocks_too_slow_times_out(scripted: ScriptedNode, recorder: Recorder) -> None:
    scripted.always = silent
    async with client_of(scripted, observer=recorder, request_timeout_s=0.05, deadline_s=0.1) as client:
        with pytest.raises(NodeTimeout, match=r"did not answer eth_getBlockByNumber within 0\.05 s"):
            await client.fetch_blocks([5], full=False)
    assert recorder.requests[0][2] == "timeout"


async def test_fetch_blocks_from_nobody_is_unreachable_and_hides_the_url(unused_tcp_port: int) -> None:
    url = f"http://user:hunter2@127.0.0.1:{unused_tcp_port}/v3/sekret-key?apikey=sekret"
    async with NodeClient(quick(url, deadline_s=0.05)) as client:
        with pytest.raises(NodeUnreachable) as caught:
            await client.fetch_blocks([5], full=False)
    error: BaseException | None = caught.value
    assert f"127.0.0.1:{unused_tcp_port} cannot be reached" in str(error)
    assert "sekret" not in str(error)
    assert "hunter2" not in str(error)
    assert error is not None
    assert error.__suppress_context__


async def test_fetch_blocks_above_the_head_is_missing_after_a_few_tries(
    scripted: ScriptedNode, recorder: Recorder
) -> None:
    async with client_of(scripted, observer=recorder, missing_retries_max=2) as client:
        with pytest.raises(BlockMissing, match="has no block 999"):
            await client.fetch_blocks([5, 999], full=False)
    assert scripted.requests == [("eth_getBlockByNumber", 2)] * 3
    assert recorder.retries == [("eth_getBlockByNumber", "missing")] * 2


async def test_fetch_blocks_of_receipts_not_there_yet_asks_again(
    scripted: ScriptedNode, chain: Devnet, recorder: Recorder
) -> None:
    async def no_receipts(_: web.Request, calls: Calls) -> web.StreamResponse:
        return web.json_response([{"id": call["id"], "result": None} for call in calls])

    scripted.faults += [well, no_receipts]
    async with client_of(scripted, observer=recorder) as client:
        assert_blocks(await client.fetch_blocks(NUMBERS, full=False), chain)
    assert recorder.inconsistent == ["receipts_missing"]


async def test_fetch_blocks_of_a_steady_lie_raises_it_after_a_few_tries(
    scripted: ScriptedNode, recorder: Recorder
) -> None:
    scripted.twist = _without_last_log
    async with client_of(scripted, observer=recorder, inconsistent_retries_max=2) as client:
        with pytest.raises(NodeInconsistent) as caught:
            await client.fetch_blocks([5], full=False)
    assert (caught.value.inconsistency, caught.value.number) == ("logs_bloom", 5)
    assert recorder.inconsistent == ["logs_bloom"] * 3


def _without_last_log(method: str, result: Any) -> Any:
    if method == "eth_getBlockReceipts":
        for receipt in result:
            receipt["logs"] = []
    return result


async def test_fetch_blocks_answered_with_another_number_is_inconsistent(scripted: ScriptedNode) -> None:
    def stale(method: str, result: Any) -> Any:
        block = scripted.chain.block(3)
        assert block is not None
        return block_answer(block) if method == "eth_getBlockByNumber" else result

    scripted.twist = stale
    async with client_of(scripted) as client:
        with pytest.raises(NodeInconsistent, match="the answer is block 0x3"):
            await client.fetch_blocks([5], full=False)
        with pytest.raises(NodeInconsistent, match="the answer is block 0x3"):
            await client.fetch_header(5)


async def test_fetch_blocks_with_an_unknown_type_keeps_the_object(scripted: ScriptedNode) -> None:
    def exotic(method: str, result: Any) -> Any:
        if method == "eth_getBlockByNumber":
            result["transactions"][0] |= {"type": "0x64", "mint": "0x1"}
        if method == "eth_getBlockReceipts":
            result[0]["type"] = "0x64"
        return result

    scripted.twist = exotic
    async with client_of(scripted) as client:
        (fetched,) = await client.fetch_blocks([5], full=True)
    first, *rest = fetched.block.transactions
    assert first.extra is not None
    assert first.extra["mint"] == "0x1"
    assert first.extra["hash"] == first.hash
    assert all(one.extra is None for one in rest)
    assert fetched.unverifiable == ("transactions_root", "receipts_root")


async def test_fetch_block_by_hash_gives_any_branch_and_none_for_a_stranger(
    scripted: ScriptedNode, chain: Devnet
) -> None:
    orphan = chain.head
    chain.reorg(1)
    async with client_of(scripted) as client:
        fetched = await client.fetch_block_by_hash("0x" + orphan.hash.hex(), full=True)
        assert fetched is not None
        assert to_block(fetched) == orphan
        assert await client.fetch_block_by_hash("0x" + "99" * 32, full=False) is None


async def test_fetch_block_by_hash_answered_with_another_is_inconsistent(scripted: ScriptedNode) -> None:
    def stale(method: str, result: Any) -> Any:
        return block_answer(scripted.chain.head) if method == "eth_getBlockByHash" else result

    scripted.twist = stale
    async with client_of(scripted) as client:
        with pytest.raises(NodeInconsistent, match="the answer has hash"):
            await client.fetch_block_by_hash("0x" + "99" * 32, full=False)
        with pytest.raises(NodeInconsistent, match="the answer has hash"):
            await client.fetch_header_by_hash("0x" + "99" * 32)


async def test_fetch_block_by_number_gives_the_block_or_none(scripted: ScriptedNode, chain: Devnet) -> None:
    async with client_of(scripted) as client:
        fetched = await client.fetch_block_by_number(7, full=True)
        assert fetched is not None
        assert to_block(fetched) == chain.block(7)
        assert await client.fetch_block_by_number(999, full=False) is None


async def test_small_questions_are_answered(scripted: ScriptedNode, chain: Devnet) -> None:
    async with client_of(scripted, batch_calls_max=3) as client:
        assert await client.chain_id() == chain.chain_id
        assert await client.head_number() == 24
        assert await client.genesis_hash() == "0x" + chain.genesis.hash.hex()
        latest = await client.fetch_header("latest")
        assert latest is not None
        assert latest.hash == "0x" + chain.head.hash.hex()
        by_hash = await client.fetch_header_by_hash(latest.hash)
        assert by_hash is not None
        assert by_hash.number == "0x18"
        assert await client.fetch_header(999) is None
        hashes = await client.block_hashes([1, 2, 3, 24, 25])
        expected = [chain.block(number) for number in (1, 2, 3, 24)]
        assert hashes == [*("0x" + block.hash.hex() for block in expected if block), None]


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        ({"code": -32601, "message": "Method not found"}, MethodMissing),
        ({"code": -32604, "message": "Method not enabled"}, MethodMissing),
        ({"code": -32000, "message": "Execution reverted", "data": "0x08c379a0"}, CallRejected),
        ({"code": -39001, "message": "Unknown block"}, CallRejected),
        ({"code": -32602, "message": "Invalid params"}, CallRejected),
        ({"code": 3, "message": "execution reverted"}, CallRejected),
    ],
)
async def test_call_that_the_node_refuses_is_raised_at_once(
    scripted: ScriptedNode, error: dict[str, Any], raised: type[Exception]
) -> None:
    scripted.always = body(msgspec.json.encode([{"id": 0, "error": error}]).decode())
    async with client_of(scripted) as client:
        with pytest.raises(raised, match="eth_call"):
            await client.call("eth_call", [{"to": "0x00"}, "latest"])
    assert scripted.requests == [("eth_call", 1)]


async def test_call_of_a_value_that_is_no_quantity_is_inconsistent(scripted: ScriptedNode) -> None:
    scripted.twist = lambda _, __: "many"
    async with client_of(scripted, inconsistent_retries_max=0) as client:
        with pytest.raises(NodeInconsistent, match="'many' is not a quantity"):
            await client.chain_id()


async def test_retries_end_at_the_deadline(scripted: ScriptedNode, recorder: Recorder) -> None:
    scripted.always = status(503)
    started = asyncio.get_running_loop().time()
    async with client_of(scripted, observer=recorder, deadline_s=0.2) as client:
        with pytest.raises(NodeRefused, match="HTTP 503"):
            await client.head_number()
    assert asyncio.get_running_loop().time() - started < 1.0
    assert len(recorder.retries) == len(scripted.requests) - 1 > 3


async def test_fetch_blocks_many_at_once_share_the_connections(scripted: ScriptedNode, chain: Devnet) -> None:
    peers: set[Any] = set()

    async def note(request: web.Request, _: Calls) -> None:
        assert request.transport is not None
        peers.add(request.transport.get_extra_info("peername"))

    scripted.always = note
    async with client_of(scripted, connections_max=3) as client:
        fetched = await asyncio.gather(*(client.fetch_blocks(NUMBERS, full=False) for _ in range(12)))
    for blocks in fetched:
        assert_blocks(blocks, chain)
    assert 1 < len(peers) <= 3


async def test_fetch_blocks_cancelled_leaves_the_client_usable(scripted: ScriptedNode, chain: Devnet) -> None:
    reached = asyncio.Event()

    async def stuck(request: web.Request, calls: Calls) -> web.StreamResponse:
        reached.set()
        return await silent(request, calls)

    scripted.faults.append(stuck)
    async with client_of(scripted, connections_max=1) as client:
        task = asyncio.create_task(client.fetch_blocks(NUMBERS, full=False))
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert_blocks(await client.fetch_blocks(NUMBERS, full=False), chain)
