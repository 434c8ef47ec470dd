"""Answers in Besu's spelling."""

from typing import Any

import aiohttp
import msgspec
import pytest

from devnet.chain import Devnet
from devnet.server import DevnetServer
from evm.consensus import Consensus, header_hash
from node.wire import WireBlock, WireReceipt, to_header, to_receipt, to_transaction
from tests.integration.devnet.conftest import Ask

EVERY_BLOCK_FIELD = {
    *("number", "hash", "mixHash", "parentHash", "nonce", "sha3Uncles", "logsBloom", "transactionsRoot"),
    *("stateRoot", "receiptsRoot", "miner", "difficulty", "extraData", "size", "gasLimit", "gasUsed"),
    *("timestamp", "uncles", "transactions"),
}


async def asked(http: aiohttp.ClientSession, server: DevnetServer, method: str, *params: Any) -> Any:
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
    async with http.post(server.http_url, json=body) as response:
        return (await response.json())["result"]


@pytest.mark.parametrize(
    ("consensus", "further"),
    [
        (Consensus.QBFT, {"totalDifficulty", "baseFeePerGas"}),
        (Consensus.IBFT2, {"totalDifficulty", "baseFeePerGas"}),
        (Consensus.CLIQUE, {"totalDifficulty"}),
        (
            Consensus.ETHEREUM,
            {
                *("baseFeePerGas", "withdrawals", "withdrawalsRoot", "blobGasUsed", "excessBlobGas"),
                *("parentBeaconBlockRoot", "requestsHash"),
            },
        ),
    ],
)
async def test_block_has_the_fields_of_its_forks_and_no_nulls(
    http: aiohttp.ClientSession, consensus: Consensus, further: set[str]
) -> None:
    async with DevnetServer(Devnet(1, consensus, history_blocks=3)) as server:
        for number in ("0x0", "0x3"):
            block = await asked(http, server, "eth_getBlockByNumber", number, True)
            assert set(block) == EVERY_BLOCK_FIELD | further
            assert None not in block.values()


async def test_transactions_have_the_fields_of_their_type(ask: Ask) -> None:
    shared = {
        *("blockHash", "blockNumber", "blockTimestamp", "from", "gas", "gasPrice", "hash", "input", "nonce"),
        *("to", "transactionIndex", "type", "value", "v", "r", "s"),
    }
    seen = set()
    for number in range(1, 31):
        for shown in (await ask("eth_getBlockByNumber", hex(number), True))["result"]["transactions"]:
            protected = {"chainId"} if int(shown["v"], 16) not in (27, 28) else set()
            further = {
                "0x0": protected,
                "0x1": {"chainId", "accessList", "yParity"},
                "0x2": {"chainId", "accessList", "yParity", "maxFeePerGas", "maxPriorityFeePerGas"},
            }[shown["type"]]
            assert set(shown) == shared | further
            assert shown["type"] == "0x0" or shown["v"] == shown["yParity"]
            seen.add((shown["type"], shown["to"] is None))
    assert {("0x0", False), ("0x1", False), ("0x2", False)} < seen
    assert any(creation for _, creation in seen)


async def test_receipts_have_nulls_where_besu_has_them(ask: Ask) -> None:
    fields = {
        *("blockHash", "blockNumber", "contractAddress", "cumulativeGasUsed", "from", "gasUsed", "logs"),
        *("effectiveGasPrice", "logsBloom", "status", "to", "transactionHash", "transactionIndex", "type"),
    }
    reasons = 0
    for number in range(1, 31):
        for shown in (await ask("eth_getBlockReceipts", hex(number)))["result"]:
            reasons += "revertReason" in shown
            assert set(shown) - {"revertReason"} == fields
            assert (shown["to"] is None) == (shown["contractAddress"] is not None)
            assert all(log["removed"] is False for log in shown["logs"])
    assert reasons


async def test_wire_structs_read_back_the_blocks_that_were_made(
    http: aiohttp.ClientSession, server: DevnetServer
) -> None:
    for number in (0, 1, 17, 30):
        made = server.devnet.block(number)
        assert made is not None
        shown = await asked(http, server, "eth_getBlockByNumber", hex(number), True)
        block = msgspec.convert(shown, WireBlock)
        assert to_header(block) == made.header
        assert header_hash(to_header(block), Consensus.QBFT) == made.hash
        assert tuple(to_transaction(transaction) for transaction in block.transactions) == made.transactions
        receipts = msgspec.convert(
            await asked(http, server, "eth_getBlockReceipts", shown["hash"]), list[WireReceipt]
        )
        assert tuple(to_receipt(receipt) for receipt in receipts) == made.receipts


@pytest.mark.parametrize("method", ["eth_getBlockByHash", "eth_getBlockByNumber", "eth_getBlockReceipts"])
async def test_unknown_block_is_null(ask: Ask, method: str) -> None:
    which = hex(31) if method == "eth_getBlockByNumber" else "0x" + "ab" * 32
    params = [which] if method == "eth_getBlockReceipts" else [which, False]
    assert await ask(method, *params) == {"jsonrpc": "2.0", "id": 7, "result": None}


async def test_tags_name_the_blocks_that_besu_knows(ask: Ask) -> None:
    for tag, number in (("latest", 30), ("pending", 30), ("earliest", 0)):
        assert (await ask("eth_getBlockByNumber", tag, False))["result"]["number"] == hex(number)
    for tag in ("safe", "finalized"):
        answer = await ask("eth_getBlockByNumber", tag, False)
        assert answer["error"] == {"code": -39001, "message": "Unknown block"}


async def test_logs_by_address_topic_and_range_are_those_of_the_receipts(
    ask: Ask, server: DevnetServer
) -> None:
    every = (await ask("eth_getLogs", {"fromBlock": "earliest"}))["result"]
    blocks = [server.devnet.block(number) for number in range(31)]
    assert len(every) == sum(len(receipt.logs) for block in blocks if block for receipt in block.receipts)
    address, topic = every[5]["address"], every[5]["topics"][0]
    narrowed = (
        await ask(
            "eth_getLogs",
            {
                "fromBlock": "0x1",
                "toBlock": "0x14",
                "address": [address],
                "topics": [None, [every[5]["topics"][1]]],
            },
        )
    )["result"]
    assert narrowed == [
        log
        for log in every
        if log["address"] == address
        and log["topics"][1:2] == every[5]["topics"][1:2]
        and int(log["blockNumber"], 16) <= 20
    ]
    by_hash = (await ask("eth_getLogs", {"blockHash": every[5]["blockHash"], "topics": [topic]}))["result"]
    assert by_hash == [
        log for log in every if log["blockHash"] == every[5]["blockHash"] and log["topics"][0] == topic
    ]


async def test_validators_are_those_of_the_header(ask: Ask, server: DevnetServer) -> None:
    expected = ["0x" + pair.address.hex() for pair in server.devnet.validators]
    assert (await ask("qbft_getValidatorsByBlockNumber", "latest"))["result"] == expected


async def test_orphaned_block_is_served_by_hash_but_its_state_is_not(ask: Ask, server: DevnetServer) -> None:
    (orphan,) = server.devnet.reorg(1).removed
    shown = "0x" + orphan.hash.hex()
    assert (await ask("eth_getBlockByHash", shown, False))["result"]["hash"] == shown
    assert len((await ask("eth_getBlockReceipts", shown))["result"]) == 20
    answer = await ask("eth_getBalance", "0x" + "11" * 20, {"blockHash": shown})
    assert answer["error"] == {"code": -32000, "message": "World state unavailable"}


async def test_state_older_than_512_blocks_is_unavailable(http: aiohttp.ClientSession) -> None:
    devnet = Devnet(1, "ethereum", history_blocks=520, transactions_per_block=0)
    account = "0x" + devnet.accounts[0].address.hex()
    async with DevnetServer(devnet) as server:
        assert await asked(http, server, "eth_getBalance", account, hex(8)) != "0x0"
        body = {"jsonrpc": "2.0", "id": 1, "method": "eth_getBalance", "params": [account, hex(7)]}
        async with http.post(server.http_url, json=body) as response:
            assert (await response.json())["error"]["message"] == "World state unavailable"
