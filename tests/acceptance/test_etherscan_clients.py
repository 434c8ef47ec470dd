"""Client libraries written for Etherscan, by others, work on the explorer: only where they ask is changed."""

import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from aioetherscan import Client  # type: ignore[import-untyped]
from aioetherscan.exceptions import EtherscanClientApiError  # type: ignore[import-untyped]
from asyncio_throttle.throttler import Throttler
from etherscan import Etherscan  # type: ignore[import-untyped]
from etherscan.enums.fields_enum import FieldsEnum  # type: ignore[import-untyped]

from tests.integration.explorer_api import conftest as explorer
from tests.integration.explorer_api.explorers import Explored, Serving

explored, serving, sql = explorer.explored, explorer.serving, explorer.sql

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

PACKAGES = Path(__file__).parent / "packages"
Sql = psycopg.Connection[dict[str, Any]]


@pytest.fixture
def account(sql: Sql) -> str:
    """Who sent most."""
    return _hex(_value(sql, "SELECT address FROM addresses ORDER BY sent_count DESC, address LIMIT 1"))


@pytest.fixture
def token(sql: Sql) -> str:
    """The ERC-20 token that moved most."""
    query = "SELECT token FROM tokens WHERE standard = 20 ORDER BY transfer_count DESC LIMIT 1"
    return _hex(_value(sql, query))


@pytest.fixture
async def aio(serving: Serving) -> AsyncIterator[Any]:
    client = Client("key", throttler=Throttler(rate_limit=10_000))
    client._url_builder.API_URL = f"{serving.url}/api"
    yield client
    await client.close()


@pytest.fixture
def sync(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(FieldsEnum, "PREFIX", f"{serving.url}/api?")
    return Etherscan("key")


async def test_aioetherscan_reads_accounts_as_they_are_stored(aio: Any, sql: Sql, account: str) -> None:
    stored = _value(sql, "SELECT balance FROM native_balances WHERE address = %s", account)
    assert await aio.account.balance(account) == str(stored)
    assert await aio.account.balances([account]) == [{"account": account, "balance": str(stored)}]
    transactions = await aio.account.normal_txs(account, sort="asc", page=1, offset=1000)
    assert [each["hash"] for each in transactions] == _hashes_of(sql, account)
    for query in (aio.account.internal_txs(account), aio.account.beacon_chain_withdrawals(account)):
        with pytest.raises(EtherscanClientApiError):
            await query


async def test_aioetherscan_reads_tokens_as_they_are_stored(
    aio: Any, sql: Sql, account: str, token: str
) -> None:
    minted = _value(sql, "SELECT total_supply FROM token_metadata WHERE token = %s", token)
    assert await aio.token.total_supply(token) == str(minted)
    held = "SELECT coalesce(sum(balance), 0) FROM token_balances WHERE token = %s AND holder = %s"
    assert await aio.token.account_balance(account, token) == str(_value(sql, held, token, account))
    holders = await aio.token.token_holder_list(token, page=1, offset=10)
    largest = sql.execute(
        "SELECT balance FROM token_balances WHERE token = %s AND balance > 0 ORDER BY balance DESC LIMIT 10",
        (_bytes(token),),
    ).fetchall()
    assert [each["TokenHolderQuantity"] for each in holders] == [str(row["balance"]) for row in largest]
    (info,) = await aio.token.token_info(token)
    assert info["symbol"] == _value(sql, "SELECT symbol FROM token_metadata WHERE token = %s", token)
    for standard, number in (("erc20", 20), ("erc721", 721), ("erc1155", 1155)):
        query = "SELECT token FROM tokens WHERE standard = %s ORDER BY transfer_count DESC LIMIT 1"
        of_standard = _value(sql, query, number)
        transfers = await aio.account.token_transfers(
            contract_address=_hex(of_standard), token_standard=standard
        )
        assert transfers
        count = "SELECT count(*) FROM token_transfers WHERE token = %s"
        assert len(transfers) == _value(sql, count, _hex(of_standard)), standard


async def test_aioetherscan_reads_blocks_logs_and_the_node(
    aio: Any, sql: Sql, explored: Explored, token: str
) -> None:
    moment = _value(sql, "SELECT extract(epoch FROM timestamp)::bigint FROM blocks WHERE number = 60")
    assert await aio.block.block_number_by_ts(moment, "before") == "60"
    assert await aio.block.block_number_by_ts(moment - 1, "after") == "60"
    countdown = await aio.block.est_block_countdown_time(explored.head + 10)
    assert countdown["RemainingBlock"] == "10"
    logs = await aio.logs.get_logs(address=token, from_block=20, to_block=40)
    query = "SELECT count(*) FROM logs WHERE address = %s AND block_number BETWEEN 20 AND 40"
    assert len(logs) == _value(sql, query, token) > 0
    assert await aio.proxy.block_number() == hex(explored.head)
    block = await aio.proxy.block_by_number("true", 7)
    assert block["hash"] == _hex(_value(sql, "SELECT hash FROM blocks WHERE number = 7"))
    supply = await aio.proxy.call(token, "0x18160ddd")
    assert int(supply, 16) == _value(sql, "SELECT total_supply FROM token_metadata WHERE token = %s", token)
    oracle = await aio.gas_tracker.gas_oracle()
    assert oracle["LastBlock"] == str(explored.head)
    (creation,) = await aio.contract.contract_creation([token])
    creator = _value(sql, "SELECT creator FROM addresses WHERE address = %s", token)
    assert creation["contractCreator"] == _hex(creator)


def test_etherscan_python_reads_what_is_stored(sync: Any, sql: Sql, account: str, token: str) -> None:
    stored = str(_value(sql, "SELECT balance FROM native_balances WHERE address = %s", account))
    assert sync.get_eth_balance(account) == stored
    assert sync.get_eth_balance_multiple([account, token])[0] == {"account": account, "balance": stored}
    hashes = _hashes_of(sql, account)
    listed = sync.get_normal_txs_by_address(account, 0, 99_999_999, "desc")
    assert [each["hash"] for each in listed] == hashes[::-1]
    paged = sync.get_normal_txs_by_address_paginated(account, 2, 3, 0, 99_999_999, "asc")
    assert [each["hash"] for each in paged] == hashes[3:6]
    query = "SELECT miner FROM blocks WHERE number = 9"
    miner = _hex(_value(sql, query))
    mined = sync.get_mined_blocks_by_address(miner)
    counted = "SELECT count(*) FROM consensus_rounds WHERE proposer = %s"
    assert len(mined) == _value(sql, counted, miner)
    failed = _value(sql, "SELECT hash FROM transactions WHERE status = 0 LIMIT 1")
    assert sync.get_contract_execution_status(_hex(failed))["isError"] == "1"
    assert sync.get_tx_receipt_status(_hex(failed)) == {"status": "0"}
    assert sync.get_block_reward_by_block_number(9)["blockMiner"] == miner
    assert sync.get_proxy_transaction_by_hash(_hex(failed))["hash"] == _hex(failed)
    with pytest.raises(AssertionError, match="not verified"):
        sync.get_contract_abi(token)
    with pytest.raises(AssertionError, match="no market"):
        sync.get_eth_last_price()


def test_clients_from_npm_read_what_is_stored(
    serving: Serving, sql: Sql, explored: Explored, account: str, token: str
) -> None:
    node = shutil.which("node")
    if node is None or not (PACKAGES / "node_modules" / "ethers").exists():
        pytest.skip("run `npm ci` in tests/acceptance/packages")
    query = "SELECT * FROM transactions WHERE from_address = %s AND log_count > 0 LIMIT 1"
    transaction = sql.execute(query, (_bytes(account),)).fetchone()
    assert transaction is not None
    block = transaction["block_number"]
    asked = {
        "chain": int(_value(sql, "SELECT chain_id FROM chain_state")),
        "account": account,
        "token": token,
        "block": block,
        "transaction": _hex(transaction["hash"]),
    }
    done = subprocess.run(
        (node, str(PACKAGES / "etherscan_clients.mjs"), serving.url, json.dumps(asked)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found = json.loads(done.stdout)
    balance = str(_value(sql, "SELECT balance FROM native_balances WHERE address = %s", account))
    stored = sql.execute("SELECT * FROM blocks WHERE number = %s", (block,)).fetchone()
    assert stored is not None
    hashes = _hashes_of(sql, account)

    ethers = found["ethers"]
    assert (ethers["block_number"], ethers["balance"]) == (explored.head, balance)
    assert ethers["nonce"] == _value(sql, "SELECT nonce FROM addresses WHERE address = %s", account)
    assert ethers["code"].startswith("0x60")
    assert ethers["block"] == {
        "hash": _hex(stored["hash"]),
        "miner": _hex(stored["miner"]),
        "transactions": stored["transaction_count"],
    }
    assert ethers["transaction"] == {"from": account, "value": str(transaction["value"])}
    assert ethers["receipt"] == {
        "status": transaction["status"],
        "gas_used": str(transaction["gas_used"]),
        "logs": transaction["log_count"],
    }
    assert [each["hash"] for each in ethers["history"]] == hashes
    assert ethers["contract"] is None

    other = found["etherscan_api"]
    assert other["balance"] == other["balances"][0]["balance"] == balance
    assert [each["hash"] for each in other["transactions"]] == hashes[::-1][:100]
    moved = "SELECT count(*) FROM address_token_transfers WHERE address = %s AND token = %s"
    assert len(other["token_transfers"]) == _value(sql, moved, account, token) > 0
    held = "SELECT sum(balance) FROM token_balances WHERE token = %s AND holder = %s"
    assert other["token_balance"] == str(_value(sql, held, token, account))
    supply = _value(sql, "SELECT total_supply FROM token_metadata WHERE token = %s", token)
    assert other["supply"] == str(supply)
    assert other["reward"]["blockMiner"] == _hex(stored["miner"])
    logs = "SELECT count(*) FROM logs WHERE address = %s AND block_number BETWEEN %s AND %s"
    assert len(other["logs"]) == _value(sql, logs, token, block, block + 9)
    assert other["status"]["isError"] == ("1" if transaction["status"] == 0 else "0")
    assert other["head"] == hex(explored.head)
    assert "not verified" in other["abi"]
    assert "no market" in other["price"]
    assert "Action" in other["sent"]


def _hashes_of(sql: Sql, account: str) -> list[str]:
    """Hashes of what an address took part in, oldest first."""
    query = """
        SELECT hash FROM transactions
        WHERE from_address = %(a)s OR to_address = %(a)s OR contract_address = %(a)s
        ORDER BY block_number, transaction_index
    """
    return [_hex(row["hash"]) for row in sql.execute(query, {"a": _bytes(account)})]


def _value(sql: Sql, query: str, *arguments: Any) -> Any:
    given = [_bytes(each) if isinstance(each, str) else each for each in arguments]
    row = sql.execute(query.encode(), given).fetchone()
    assert row is not None, query
    (value,) = row.values()
    return value


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])
