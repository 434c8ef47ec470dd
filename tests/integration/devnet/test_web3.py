"""The devnet as libraries nobody here wrote see it: web3.py, eth-account, py-trie, pyrlp."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import rlp
from eth_account import Account
from hexbytes import HexBytes
from trie.hexary import HexaryTrie
from web3 import AsyncHTTPProvider, AsyncWeb3, WebSocketProvider
from web3.exceptions import Web3RPCError
from web3.middleware import ExtraDataToPOAMiddleware

from devnet.chain import Devnet
from devnet.server import DevnetServer
from evm.consensus import Consensus

ERC20_ABI = [
    {
        "type": "function",
        "name": name,
        "stateMutability": "view",
        "inputs": [{"name": "", "type": kind} for kind in inputs],
        "outputs": [{"name": "", "type": output}],
    }
    for name, inputs, output in (
        ("name", (), "string"),
        ("symbol", (), "string"),
        ("decimals", (), "uint8"),
        ("totalSupply", (), "uint256"),
        ("balanceOf", ("address",), "uint256"),
        ("ownerOf", ("uint256",), "address"),
        ("transfer", ("address", "uint256"), "bool"),
    )
]


@pytest.fixture(params=list(Consensus))
async def network(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Devnet, AsyncWeb3[Any]]]:
    devnet = Devnet(6, request.param, history_blocks=25)
    async with DevnetServer(devnet) as server:
        web3: AsyncWeb3[Any] = AsyncWeb3(AsyncHTTPProvider(server.http_url))
        web3.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)
        yield devnet, web3
        await web3.provider.disconnect()


def root_of(values: list[bytes]) -> bytes:
    trie = HexaryTrie({})
    for index, value in enumerate(values):
        trie[rlp.encode(index)] = value
    return bytes(trie.root_hash)


def signed_again(devnet: Devnet, shown: Any) -> Any:
    """The transaction that eth-account makes of what the node shows, with the sender's key."""
    keys = {pair.address: pair.private_key for pair in devnet.accounts}
    fields = {name: shown[name] for name in ("nonce", "gas", "value", "chainId") if name in shown}
    fields["data"] = shown["input"]
    if shown["to"] is not None:
        fields["to"] = shown["to"]
    if shown["type"] == 2:
        fields |= {name: shown[name] for name in ("maxFeePerGas", "maxPriorityFeePerGas")}
    else:
        fields["gasPrice"] = shown["gasPrice"]
    if shown["type"] != 0:
        fields |= {"type": shown["type"], "accessList": [dict(entry) for entry in shown["accessList"]]}
    return Account.sign_transaction(fields, keys[bytes.fromhex(shown["from"][2:])])


def receipt_bytes(shown: Any) -> bytes:
    logs = [[HexBytes(log["address"]), list(log["topics"]), log["data"]] for log in shown["logs"]]
    body = rlp.encode([shown["status"], shown["cumulativeGasUsed"], shown["logsBloom"], logs])
    return bytes(body) if shown["type"] == 0 else bytes([shown["type"]]) + body


async def whole_transactions(web3: AsyncWeb3[Any], number: int) -> list[Any]:
    return list((await web3.eth.get_block(number, full_transactions=True))["transactions"])


async def test_transactions_are_those_that_eth_account_signs(network: tuple[Devnet, AsyncWeb3[Any]]) -> None:
    devnet, web3 = network
    for number in (1, 13, 25):
        block = await web3.eth.get_block(number)
        raws = []
        for shown in await whole_transactions(web3, number):
            signed = signed_again(devnet, shown)
            assert (signed.hash, signed.r, signed.s) == (
                shown["hash"],
                int.from_bytes(shown["r"], "big"),
                int.from_bytes(shown["s"], "big"),
            )
            assert signed.v == shown["v"]
            assert shown.get("yParity") == (None if shown["type"] == 0 else signed.v)
            assert Account.recover_transaction(signed.raw_transaction) == shown["from"]
            raws.append(bytes(signed.raw_transaction))
        assert len(raws) == 20
        assert root_of(raws) == block["transactionsRoot"]


async def test_receipts_make_the_receipts_root_and_the_bloom(network: tuple[Devnet, AsyncWeb3[Any]]) -> None:
    _, web3 = network
    for number in (1, 13, 25):
        block = await web3.eth.get_block(number)
        receipts = await web3.eth.get_block_receipts(number)
        assert [receipt["transactionHash"] for receipt in receipts] == block["transactions"]
        assert await web3.eth.get_transaction_receipt(receipts[3]["transactionHash"]) == receipts[3]
        assert root_of([receipt_bytes(receipt) for receipt in receipts]) == block["receiptsRoot"]
        assert receipts[-1]["cumulativeGasUsed"] == block["gasUsed"]
        joined = 0
        for receipt in receipts:
            joined |= int.from_bytes(receipt["logsBloom"], "big")
        assert joined == int.from_bytes(block["logsBloom"], "big")


async def test_contract_calls_answer_from_the_state(network: tuple[Devnet, AsyncWeb3[Any]]) -> None:
    devnet, web3 = network
    asset = web3.eth.contract(web3.to_checksum_address(devnet.workload.asset), abi=ERC20_ABI)
    assert await asset.functions.name().call() == "Pend Dollar"
    assert await asset.functions.symbol().call() == "PUSD"
    assert await asset.functions.decimals().call() == 6
    holders = [pair.address for pair in devnet.accounts] + list(devnet.workload.pools)
    balances = [
        await asset.functions.balanceOf(web3.to_checksum_address(holder)).call() for holder in holders
    ]
    assert sum(balances) == await asset.functions.totalSupply().call()
    assert await web3.eth.get_code(asset.address) != b""
    assert await web3.eth.get_code(web3.to_checksum_address(holders[1])) == b""
    # Besu's code and capital letter keep web3 from calling it a ContractLogicError.
    with pytest.raises(Web3RPCError, match="transfer from the zero address"):
        await asset.functions.transfer(asset.address, 1).call()
    # Besu's code and capital letter keep web3 from calling it a ContractLogicError.
    with pytest.raises(Web3RPCError, match="transfer amount exceeds balance"):
        await asset.functions.transfer(asset.address, 1).call({"from": asset.address})


async def test_token_owner_is_that_of_the_last_transfer(network: tuple[Devnet, AsyncWeb3[Any]]) -> None:
    devnet, web3 = network
    address = web3.to_checksum_address(devnet.workload.certificate)
    certificate = web3.eth.contract(address, abi=ERC20_ABI)
    topic = web3.keccak(text="Transfer(address,address,uint256)")
    logs = await web3.eth.get_logs({"fromBlock": 0, "address": address, "topics": [topic]})
    owners = {int.from_bytes(log["topics"][3], "big"): log["topics"][2][12:] for log in logs}
    assert owners
    for token, owner in owners.items():
        assert HexBytes(await certificate.functions.ownerOf(token).call()) == owner


async def test_account_state_follows_the_chain(network: tuple[Devnet, AsyncWeb3[Any]]) -> None:
    devnet, web3 = network
    account = web3.to_checksum_address(devnet.accounts[0].address)
    sent = 0
    for number in range(26):
        sent += sum(shown["from"] == account for shown in await whole_transactions(web3, number))
        assert await web3.eth.get_transaction_count(account, number) == sent
    assert await web3.eth.get_balance(account) < await web3.eth.get_balance(account, 0)
    assert await web3.eth.chain_id == 1337


async def test_new_heads_reach_a_web3_subscription() -> None:
    devnet = Devnet(6, "clique", history_blocks=5)
    async with DevnetServer(devnet) as server, AsyncWeb3(WebSocketProvider(server.ws_url)) as web3:
        web3.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)
        await web3.eth.subscribe("newHeads")
        change = devnet.reorg(2)
        heads = []
        async for message in web3.socket.process_subscriptions():
            heads.append(bytes(message["result"]["hash"]))
            if len(heads) == len(change.added):
                break
        assert heads == [block.hash for block in change.added]
