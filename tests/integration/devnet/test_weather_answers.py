"""Each fault of a single answer is served as docs/devnet.md says, and the truth again afterwards."""

from typing import Any

import aiohttp
import pytest

from devnet.chain import Devnet
from devnet.server import DevnetServer
from devnet.weather.answers import (
    EmptyReceipts,
    ForeignReceipts,
    LogRangeRefused,
    MissingLogs,
    NullBlock,
    NullReceipts,
    RemovedLogs,
    ShortReceipts,
)
from devnet.weather.fault import Fault
from devnet.weather.networks import HeadBack, Lagging, OtherBranch, OtherChainId, ResetNetwork
from devnet.weather.spells import Spell
from tests.integration.devnet.conftest import Ask

NO_BLOOM = "0x" + "00" * 256


def hash_of(server: DevnetServer, number: int) -> str:
    block = server.devnet.block(number)
    assert block is not None
    return "0x" + block.hash.hex()


async def result(ask: Ask, method: str, *params: Any) -> Any:
    return (await ask(method, *params))["result"]


async def first_and_second(ask: Ask, server: DevnetServer, fault: Fault, *call: Any) -> tuple[Any, Any]:
    """The result while `fault` strikes the first attempt of each request, and when asked again."""
    weather = server.set_weather([Spell(fault, attempts=1)])
    answers = await result(ask, *call), await result(ask, *call)
    assert weather.struck == {fault.name: 1}
    return answers


@pytest.mark.parametrize("by", ["number", "hash"])
async def test_null_block_says_that_a_known_block_is_not_there(
    ask: Ask, server: DevnetServer, by: str
) -> None:
    which, method = (
        (hex(9), "eth_getBlockByNumber") if by == "number" else (hash_of(server, 9), "eth_getBlockByHash")
    )
    lie, truth = await first_and_second(ask, server, NullBlock(), method, which, True)
    assert lie is None
    assert truth["hash"] == hash_of(server, 9)


async def test_null_block_of_an_unknown_block_is_no_strike(ask: Ask, server: DevnetServer) -> None:
    weather = server.set_weather([Spell(NullBlock())])
    assert await result(ask, "eth_getBlockByNumber", hex(31), True) is None
    assert not weather.struck


async def test_null_empty_and_short_receipts_are_fewer_than_the_transactions(
    ask: Ask, server: DevnetServer
) -> None:
    call = ("eth_getBlockReceipts", hash_of(server, 9))
    lie, truth = await first_and_second(ask, server, NullReceipts(), *call)
    assert lie is None
    assert len(truth) == 20
    assert await first_and_second(ask, server, EmptyReceipts(), *call) == ([], truth)
    assert await first_and_second(ask, server, ShortReceipts(), *call) == (truth[:-1], truth)
    assert await first_and_second(ask, server, ShortReceipts(missing=30), *call) == ([], truth)


async def test_foreign_receipts_are_those_of_the_block_below(ask: Ask, server: DevnetServer) -> None:
    for receipts_of, beside in ((9, 8), (1, 2)):  # genesis has none
        lie, truth = await first_and_second(
            ask, server, ForeignReceipts(), "eth_getBlockReceipts", hex(receipts_of)
        )
        assert {receipt["blockHash"] for receipt in lie} == {hash_of(server, beside)}
        assert {receipt["blockHash"] for receipt in truth} == {hash_of(server, receipts_of)}
        server.clear_weather()
        assert lie == await result(ask, "eth_getBlockReceipts", hex(beside))


async def test_foreign_receipt_of_a_transaction_is_another_transactions(
    ask: Ask, server: DevnetServer
) -> None:
    wanted = (await result(ask, "eth_getBlockByNumber", hex(9), False))["transactions"][3]
    lie, truth = await first_and_second(ask, server, ForeignReceipts(), "eth_getTransactionReceipt", wanted)
    assert (lie["transactionHash"] == wanted, truth["transactionHash"] == wanted) == (False, True)
    assert (lie["blockNumber"], lie["transactionIndex"]) == (hex(8), hex(3))


async def test_missing_logs_leave_the_blooms(ask: Ask, server: DevnetServer) -> None:
    lie, truth = await first_and_second(ask, server, MissingLogs(), "eth_getBlockReceipts", hex(9))
    assert [receipt["logs"] for receipt in lie] == [[]] * 20
    assert [receipt["logsBloom"] for receipt in lie] == [receipt["logsBloom"] for receipt in truth]
    assert any(receipt["logsBloom"] != NO_BLOOM for receipt in lie)
    wanted = {"fromBlock": hex(9), "toBlock": hex(9)}
    lie, logs = await first_and_second(ask, server, MissingLogs(), "eth_getLogs", wanted)
    assert lie == []
    assert logs == [log for receipt in truth for log in receipt["logs"]]


async def test_removed_logs_are_the_same_but_marked(ask: Ask, server: DevnetServer) -> None:
    lie, truth = await first_and_second(ask, server, RemovedLogs(), "eth_getBlockReceipts", hex(9))
    assert {log["removed"] for receipt in lie for log in receipt["logs"]} == {True}
    for receipt in lie:
        for log in receipt["logs"]:
            log["removed"] = False
    assert lie == truth


async def test_log_range_is_refused_above_the_limit_and_passes_at_it(ask: Ask, server: DevnetServer) -> None:
    server.set_weather([Spell(LogRangeRefused(blocks_max=10))])
    refused = await ask("eth_getLogs", {"fromBlock": hex(1), "toBlock": hex(11)})
    assert refused["error"] == {"code": -32005, "message": "Requested range exceeds maximum RPC range limit"}
    assert await result(ask, "eth_getLogs", {"fromBlock": hex(1), "toBlock": hex(10)})
    assert await result(ask, "eth_getLogs", {"blockHash": hash_of(server, 9)})


async def test_head_back_is_a_lower_head_over_blocks_that_are_still_served(
    ask: Ask, server: DevnetServer
) -> None:
    assert await first_and_second(ask, server, HeadBack(4), "eth_blockNumber") == (hex(26), hex(30))
    lie, truth = await first_and_second(ask, server, HeadBack(4), "eth_getBlockByNumber", "latest", False)
    assert (lie["hash"], truth["hash"]) == (hash_of(server, 26), hash_of(server, 30))
    server.set_weather([Spell(HeadBack(4))])
    assert (await result(ask, "eth_getBlockByNumber", hex(30), False))["hash"] == hash_of(server, 30)


async def test_lagging_endpoint_of_the_same_network_knows_nothing_of_its_newest_blocks(
    ask: Ask, http: aiohttp.ClientSession, server: DevnetServer
) -> None:
    async with DevnetServer(server.devnet) as behind:
        behind.set_weather([Spell(Lagging(3))])

        async def ask_behind(method: str, *params: Any) -> Any:
            body = {"jsonrpc": "2.0", "id": 7, "method": method, "params": list(params)}
            async with http.post(behind.http_url, json=body) as response:
                return await response.json()

        for head in (30, 32):
            assert await result(ask, "eth_blockNumber") == hex(head)
            assert await result(ask_behind, "eth_blockNumber") == hex(head - 3)
            latest = await result(ask_behind, "eth_getBlockByNumber", "latest", False)
            assert latest["hash"] == hash_of(server, head - 3)
            for which in (hex(head - 2), hash_of(server, head)):
                assert await result(ask_behind, "eth_getBlockReceipts", which) is None
                assert await result(ask, "eth_getBlockReceipts", which)
            newest = server.devnet.head.transactions[0].hash
            assert await result(ask_behind, "eth_getTransactionReceipt", "0x" + newest.hex()) is None
            beyond = {"fromBlock": hex(head - 2), "toBlock": hex(head - 2)}
            assert (await ask_behind("eth_getLogs", beyond))["error"]["code"] == -32602
            server.devnet.advance(2)


async def test_other_branch_shares_the_past_and_disagrees_ever_after(ask: Ask, server: DevnetServer) -> None:
    async def hashes(first: int, last: int) -> list[str]:
        numbers = range(first, last + 1)
        return [(await result(ask, "eth_getBlockByNumber", hex(n), False))["hash"] for n in numbers]

    server.set_weather([Spell(OtherBranch(depth=3))])
    before = await hashes(25, 30)
    server.devnet.advance(2)
    after = await hashes(25, 32)
    assert await result(ask, "eth_blockNumber") == hex(32)
    assert after[:6] == before
    truth = [hash_of(server, number) for number in range(25, 33)]
    assert after[:3] == truth[:3]
    assert not set(after[3:]) & set(truth[3:])
    newest = await result(ask, "eth_getBlockByNumber", hex(32), False)
    assert newest["parentHash"] == after[-2]
    assert {r["blockHash"] for r in await result(ask, "eth_getBlockReceipts", hex(32))} == {after[-1]}


async def test_split_networks_on_two_servers_disagree(http: aiohttp.ClientSession) -> None:
    one = Devnet(3, "clique", history_blocks=10, transactions_per_block=3)
    other = one.split(4)
    one.advance(3)
    other.advance(2)
    assert (one.head.header.number, other.head.header.number) == (13, 13)
    async with DevnetServer(one) as first, DevnetServer(other) as second:
        shown = []
        for server in (first, second):
            body = [
                {"jsonrpc": "2.0", "id": n, "method": "eth_getBlockByNumber", "params": [hex(n), False]}
                for n in range(14)
            ]
            async with http.post(server.http_url, json=body) as response:
                shown.append([answer["result"]["hash"] for answer in await response.json()])
    assert [a == b for a, b in zip(*shown, strict=True)] == [True] * 7 + [False] * 7


async def test_other_chain_id_comes_from_the_same_address(ask: Ask, server: DevnetServer) -> None:
    assert await first_and_second(ask, server, OtherChainId(99), "eth_chainId") == ("0x63", hex(1337))
    assert await first_and_second(ask, server, OtherChainId(99), "net_version") == ("99", "1337")


async def test_reset_network_keeps_the_chain_id_over_another_genesis(ask: Ask, server: DevnetServer) -> None:
    genesis = hash_of(server, 0)
    weather = server.set_weather([Spell(ResetNetwork(history=2))])
    assert await result(ask, "eth_chainId") == hex(1337)
    assert await result(ask, "eth_blockNumber") == hex(2)
    block = await result(ask, "eth_getBlockByNumber", "0x0", False)
    assert block["hash"] != genesis
    assert await result(ask, "eth_getBlockByHash", genesis, False) is None
    assert weather.struck == {"reset_network": 3}  # the chain id was true
    server.clear_weather()
    assert (await result(ask, "eth_getBlockByNumber", "0x0", False))["hash"] == genesis


async def test_server_whose_devnet_is_replaced_serves_and_announces_the_new_one(
    ask: Ask, http: aiohttp.ClientSession, server: DevnetServer
) -> None:
    old = server.devnet
    async with http.ws_connect(server.ws_url) as socket:
        await socket.send_json({"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"]})
        await socket.receive_json(timeout=10)
        server.set_weather([Spell(NullBlock(), blocks=(1, 1))])
        genesis = await result(ask, "devnet_reset")
        assert genesis != "0x" + old.genesis.hash.hex()
        assert (await result(ask, "eth_getBlockByNumber", "latest", False))["hash"] == genesis
        old.advance()
        (block,) = server.devnet.advance()
        head = (await socket.receive_json(timeout=10))["params"]["result"]
        assert head["hash"] == "0x" + block.hash.hex()
        assert await result(ask, "eth_getBlockByNumber", hex(1), False) is None
    assert await result(ask, "devnet_reset", old.seed) == "0x" + old.genesis.hash.hex()
    assert (await ask("devnet_reset", "one"))["error"]["code"] == -32602
