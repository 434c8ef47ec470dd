import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct

from node.client import NodeClient, NodeSettings
from node.errors import NodeRetryable
from tests.anvil import Anvil, require_anvil, running_anvil
from tests.integration.write_api.credentials.wallet_contracts import (
    MAGIC,
    agreeing_above,
    answering,
    answering_much,
    endless,
    owned_by,
    reverting_with,
)
from write_api.credentials.contract_wallets import ContractWallets
from write_api.credentials.wallets import SignatureRefused, digest_of, message_for, verify

RICH = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"  # of anvil's own accounts
MINED_TIMEOUT_S = 10.0
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DIGEST = digest_of("Pend")
owner = Account.from_key("0x" + "33" * 32)
stranger = Account.from_key("0x" + "44" * 32)


@pytest.fixture(scope="module")
def node() -> Iterator[Anvil]:
    with running_anvil(require_anvil()) as started:
        yield started


@pytest.fixture
async def client(node: Anvil) -> AsyncIterator[NodeClient]:
    async with NodeClient(NodeSettings(urls=(node.http_url,), deadline_s=5)) as opened:
        yield opened


async def deployed(client: NodeClient, creation: str) -> bytes:
    sent = await client.call("eth_sendTransaction", [{"from": RICH, "data": creation}])
    async with asyncio.timeout(MINED_TIMEOUT_S):
        while (receipt := await client.call("eth_getTransactionReceipt", [sent])) is None:
            await asyncio.sleep(0.01)
    assert receipt["status"] == "0x1"
    return bytes.fromhex(receipt["contractAddress"][2:])


def signature_of(text: str, by: Any = owner) -> bytes:
    return bytes(by.sign_message(encode_defunct(text=text)).signature)


async def test_a_contract_says_yes_to_its_owner_and_no_to_others(client: NodeClient) -> None:
    ask = ContractWallets(client)
    wallet = await deployed(client, owned_by(bytes.fromhex(owner.address[2:])))
    assert await ask(wallet, DIGEST, signature_of("Pend"))
    assert not await ask(wallet, DIGEST, signature_of("Pend", stranger))
    assert not await ask(wallet, digest_of("Bend"), signature_of("Pend"))
    assert not await ask(wallet, DIGEST, b"")


@pytest.mark.parametrize("size", [0, 1, 31, 32, 33, 65, 8192])
async def test_a_contract_is_asked_with_signatures_of_any_length(client: NodeClient, size: int) -> None:
    ask = ContractWallets(client)
    assert await ask(await deployed(client, answering(MAGIC + bytes(28))), DIGEST, b"\x01" * size)


@pytest.mark.parametrize(
    "creation",
    [
        answering(MAGIC),
        answering(MAGIC + bytes(27)),
        answering(MAGIC + bytes(60)),
        answering(MAGIC + bytes(27) + b"\x01"),
        answering(bytes(28) + MAGIC),
        answering(bytes(32)),
        answering(b"\xff" * 32),
        answering(bytes(31) + b"\x01"),
        answering(b""),
        reverting_with(MAGIC + bytes(28)),
        endless(),
        answering_much(10_000_000),
        answering_much(500_000),
    ],
    ids=["four bytes", "31 bytes", "two words", "dirty padding", "padded left", "zero", "all ones", "true", "nothing", "revert", "endless", "10 MB", "500 KB"],
)  # fmt: skip
async def test_any_other_answer_of_a_contract_is_a_no(client: NodeClient, creation: str) -> None:
    assert not await ContractWallets(client)(await deployed(client, creation), DIGEST, b"\x01" * 65)


async def test_a_contract_has_a_million_gas_and_no_more(client: NodeClient) -> None:
    ask = ContractWallets(client)
    assert await ask(await deployed(client, agreeing_above(900_000)), DIGEST, b"")
    assert not await ask(await deployed(client, agreeing_above(1_000_000)), DIGEST, b"")


@pytest.mark.parametrize("number", [0, 1, 2, 3, 4, 5, 9, 0xDEAD])
async def test_an_address_without_code_is_a_no(client: NodeClient, number: int) -> None:
    ask = ContractWallets(client)
    assert not await ask(number.to_bytes(20, "big"), DIGEST, signature_of("Pend"))
    assert not await ask(bytes.fromhex(owner.address[2:]), DIGEST, b"\x01" * 65)


async def test_a_node_out_of_reach_is_told_from_a_no() -> None:
    settings = NodeSettings(urls=("http://127.0.0.1:9",), deadline_s=0.3, connect_timeout_s=0.2)
    async with NodeClient(settings) as client:
        with pytest.raises(NodeRetryable):
            await ContractWallets(client)(bytes(20), DIGEST, b"")


async def test_a_contract_wallet_and_an_account_sign_in(client: NodeClient) -> None:
    address = bytes.fromhex(owner.address[2:])
    wallet = await deployed(client, owned_by(address))
    expected: dict[str, Any] = {"domain": "app.pend.example", "uri": "https://app.pend.example", "chain_id": 31337, "nonce": "Zq8aR2mK0pXw"}  # fmt: skip
    for claimed in (wallet, address):
        text = message_for(
            **expected, address=claimed, issued_at=NOW, expires_at=NOW + timedelta(minutes=5), statement=None
        )
        found = await verify(
            text, signature_of(text), **expected, now=NOW, ask_contract=ContractWallets(client)
        )
        assert found == claimed
        with pytest.raises(SignatureRefused):
            await verify(
                text, signature_of(text, stranger), **expected, now=NOW, ask_contract=ContractWallets(client)
            )
