"""module=account, against the rows that it tells of."""

from collections import Counter
from typing import Any

import aiohttp
import pytest

from tests.integration.explorer_api.etherscans import Sql, ask, refusal, result, rows, text, value
from tests.integration.explorer_api.explorers import Explored

_OF_ADDRESS = """
    SELECT x.*, b.hash AS block_hash, c.signature FROM transactions AS x
    JOIN blocks AS b ON b.number = x.block_number
    LEFT JOIN decoded_calls AS c USING (block_number, transaction_index)
    WHERE %s IN (x.from_address, x.to_address, x.contract_address) ORDER BY x.block_number, x.transaction_index
"""
_TRANSFERS = "SELECT * FROM token_transfers WHERE standard = %s ORDER BY block_number, log_index, batch_index"


@pytest.fixture
def busy(sql: Sql) -> bytes:
    """The address that took part in most transactions."""
    query = "SELECT address FROM addresses ORDER BY transaction_count DESC, address LIMIT 1"
    found: bytes = value(sql, query)
    return found


async def test_transactions_have_every_field_of_etherscan(
    api: aiohttp.ClientSession, sql: Sql, explored: Explored, busy: bytes
) -> None:
    stored = rows(sql, _OF_ADDRESS, busy)
    listed = await result(api, "account", "txlist", address=text(busy))
    assert len(listed) == len(stored) > 100
    for answer, row in zip(listed, stored, strict=True):
        assert answer == {
            "blockNumber": str(row["block_number"]),
            "timeStamp": str(int(row["timestamp"].timestamp())),
            "hash": text(row["hash"]),
            "nonce": str(row["nonce"]),
            "blockHash": text(row["block_hash"]),
            "transactionIndex": str(row["transaction_index"]),
            "from": text(row["from_address"]),
            "to": text(row["to_address"]),
            "value": str(row["value"]),
            "gas": str(row["gas_limit"]),
            "gasPrice": str(row["effective_gas_price"]),
            "isError": "1" if row["status"] == 0 else "0",
            "txreceipt_status": str(row["status"]),
            "input": text(row["input"]) or "0x",
            "contractAddress": text(row["contract_address"]),
            "cumulativeGasUsed": str(row["cumulative_gas_used"]),
            "gasUsed": str(row["gas_used"]),
            "confirmations": str(explored.head - row["block_number"] + 1),
            "methodId": "0x" if row["to_address"] is None else "0x" + row["input"][:4].hex(),
            "functionName": row["signature"] or "",
        }


async def test_transactions_of_pages_and_ranges_are_parts_of_the_list(
    api: aiohttp.ClientSession, sql: Sql, busy: bytes
) -> None:
    stored = [(row["block_number"], text(row["hash"])) for row in rows(sql, _OF_ADDRESS, busy)]

    async def listed(**parameters: object) -> list[str]:
        found = await result(api, "account", "txlist", address=text(busy), **parameters)
        return [each["hash"] for each in found]

    hashes = [hash_ for _, hash_ in stored]
    assert await listed(page=3, offset=20) == hashes[40:60]
    assert await listed(page=2, offset=7, sort="desc") == hashes[::-1][7:14]
    within = [hash_ for number, hash_ in stored if 30 <= number <= 40]
    assert await listed(startblock=30, endblock=40) == within
    assert await listed(startblock="0x1e", endblock="0x28", sort="desc", page=1, offset=5) == within[::-1][:5]
    assert await listed(startblock=0, endblock="latest", page=0, offset=0) == hashes
    for beyond in ({"startblock": 10**9}, {"page": 100, "offset": 100}, {"startblock": 9, "endblock": 8}):
        envelope = await ask(api, "account", "txlist", address=text(busy), **beyond)
        assert (envelope.status, envelope.message, envelope.result) == ("0", "No transactions found", [])


async def test_page_beyond_ten_thousand_rows_is_refused_in_the_words_of_etherscan(
    api: aiohttp.ClientSession, busy: bytes
) -> None:
    for action in ("txlist", "tokentx", "tokenlist", "getminedblocks"):
        envelope = await ask(api, "account", action, address=text(busy), page=11, offset=1000)
        assert envelope.message.startswith("Result window is too large"), action
        assert (envelope.status, envelope.result) == ("0", None)
    assert (await ask(api, "account", "txlist", address=text(busy), page=10, offset=1000)).result == []


@pytest.mark.parametrize(
    ("action", "standard", "fields"),
    [
        ("tokentx", 20, {"value": "amount"}),
        ("tokennfttx", 721, {"tokenID": "token_id"}),
        ("token1155tx", 1155, {"tokenID": "token_id", "tokenValue": "amount"}),
    ],
)
async def test_token_transfers_of_tokens_and_addresses_are_the_stored_ones(
    api: aiohttp.ClientSession, sql: Sql, action: str, standard: int, fields: dict[str, str]
) -> None:
    stored = rows(sql, _TRANSFERS, standard)
    (token, _), *_ = Counter(row["token"] for row in stored).most_common(1)
    (holder, _), *_ = Counter(row["to_address"] for row in stored).most_common(1)

    def keys(found: list[dict[str, Any]]) -> list[tuple[str, ...]]:
        return [
            tuple(each[name] for name in ("blockNumber", "logIndex", "from", "to", *fields)) for each in found
        ]

    def expected(wanted: list[dict[str, Any]]) -> list[tuple[str, ...]]:
        return [
            (
                str(row["block_number"]),
                str(row["log_index"]),
                text(row["from_address"]),
                text(row["to_address"]),
                *(str(row[column]) for column in fields.values()),
            )
            for row in wanted
        ]

    of_token = [row for row in stored if row["token"] == token]
    of_holder = [row for row in stored if holder in {row["from_address"], row["to_address"]}]
    both = [row for row in of_holder if row["token"] == token]
    by_token = await result(api, "account", action, contractaddress=text(token))
    assert keys(by_token) == expected(of_token)
    assert {name in by_token[0] for name in fields} == {True}
    assert {"value", "tokenID", "tokenValue"} & by_token[0].keys() == set(fields)
    metadata = rows(sql, "SELECT * FROM token_metadata WHERE token = %s", token)[0]
    assert (by_token[0]["tokenName"], by_token[0]["tokenSymbol"]) == (metadata["name"], metadata["symbol"])
    found = await result(api, "account", action, address=text(holder), sort="desc")
    assert keys(found) == expected(of_holder)[::-1]
    found = await result(api, "account", action, address=text(holder), contractaddress=text(token))
    assert keys(found) == expected(both)
    page = {"contractaddress": text(token), "startblock": 20, "endblock": 90, "page": 2, "offset": 3}
    within = [row for row in of_token if 20 <= row["block_number"] <= 90]
    assert keys(await result(api, "account", action, **page)) == expected(within)[3:6]
    found = await result(api, "account", action, **page, sort="desc")
    assert keys(found) == expected(within)[::-1][3:6]


async def test_balances_are_those_read_or_the_nodes(
    api: aiohttp.ClientSession, sql: Sql, explored: Explored
) -> None:
    stored = rows(sql, "SELECT address, balance FROM native_balances ORDER BY balance DESC LIMIT 3")
    expected = [{"account": text(row["address"]), "balance": str(row["balance"])} for row in stored]
    assert await result(api, "account", "balance", address=expected[0]["account"]) == expected[0]["balance"]
    given = ",".join(each["account"] for each in expected)
    assert await result(api, "account", "balancemulti", address=given) == expected
    unknown = "0x" + "12" * 20
    assert await result(api, "account", "balancemulti", address=f"{given},{unknown}") == [
        *expected,
        {"account": unknown, "balance": "0"},
    ]
    # At the head the node says what is stored; at an earlier block what it was then.
    first = expected[0]["account"]
    head = await result(api, "account", "balancehistory", address=first, blockno=explored.head)
    assert head == expected[0]["balance"]
    tagged = await result(api, "account", "balance", address=first, tag=hex(3))
    assert tagged == await result(api, "account", "balancehistory", address=first, blockno=3)
    too_late = await refusal(api, "account", "balancehistory", address=first, blockno=explored.head + 9)
    assert "balance at block" in too_late


async def test_tokens_held_are_the_sums_of_transfers(api: aiohttp.ClientSession, sql: Sql) -> None:
    holder = value(
        sql, "SELECT holder FROM token_balances WHERE standard = 721 AND balance > 0 ORDER BY holder LIMIT 1"
    )
    stored = rows(
        sql,
        "SELECT token, standard, sum(balance) AS balance FROM token_balances"
        " WHERE holder = %s AND balance > 0 GROUP BY 1, 2 ORDER BY 1, 2",
        holder,
    )
    listed = await result(api, "account", "tokenlist", address=text(holder))
    assert [(each["contractAddress"], each["type"], each["balance"]) for each in listed] == [
        (text(row["token"]), f"ERC-{row['standard']}", str(row["balance"])) for row in stored
    ]
    for action, standard in (("addresstokenbalance", 20), ("addresstokennftbalance", 721)):
        listed = await result(api, "account", action, address=text(holder))
        assert [(each["TokenAddress"], each["TokenQuantity"]) for each in listed] == [
            (text(row["token"]), str(row["balance"])) for row in stored if row["standard"] == standard
        ]
    for row in stored:
        found = await result(
            api, "account", "tokenbalance", address=text(holder), contractaddress=text(row["token"])
        )
        assert found == str(row["balance"])
    deed = next(row["token"] for row in stored if row["standard"] == 721)
    items = rows(
        sql,
        "SELECT token_id FROM token_balances WHERE holder = %s AND token = %s AND balance > 0 ORDER BY 1",
        holder,
        deed,
    )
    inventory = await result(
        api, "account", "addresstokennftinventory", address=text(holder), contractaddress=text(deed)
    )
    assert [each["TokenId"] for each in inventory] == [str(row["token_id"]) for row in items]


async def test_mined_blocks_are_those_of_the_proposer_with_their_fees(
    api: aiohttp.ClientSession, sql: Sql
) -> None:
    miner = value(sql, "SELECT miner FROM blocks WHERE number = 9")
    stored = rows(
        sql,
        "SELECT b.number, b.timestamp, coalesce(sum(x.gas_used * (x.effective_gas_price -"
        " coalesce(b.base_fee_per_gas, 0))), 0) AS fees FROM blocks AS b"
        " LEFT JOIN transactions AS x ON x.block_number = b.number"
        " WHERE b.miner = %s AND b.number > 0 GROUP BY b.number ORDER BY b.number DESC",
        miner,
    )
    expected = [
        {
            "blockNumber": str(row["number"]),
            "timeStamp": str(int(row["timestamp"].timestamp())),
            "blockReward": str(row["fees"]),
        }
        for row in stored
    ]
    assert await result(api, "account", "getminedblocks", address=text(miner)) == expected
    page = await result(api, "account", "getminedblocks", address=text(miner), page=2, offset=4)
    assert page == expected[4:8]
    assert any(each["blockReward"] != "0" for each in expected)


async def test_accounts_are_every_address_page_by_page(api: aiohttp.ClientSession, sql: Sql) -> None:
    stored = rows(
        sql,
        "SELECT a.address, n.balance FROM addresses AS a JOIN native_balances AS n USING (address) ORDER BY 1",
    )
    listed: list[dict[str, Any]] = []
    page = 1
    while (found := await ask(api, "account", "listaccounts", page=page, offset=40)).status == "1":
        listed += found.result
        page += 1
    known = {each["address"]: each["balance"] for each in listed if not each["stale"]}
    assert known == {text(row["address"]): str(row["balance"]) for row in stored}
    assert len(listed) == value(sql, "SELECT count(*) FROM addresses")


async def test_wrong_parameters_are_refused_with_the_reason(api: aiohttp.ClientSession, busy: bytes) -> None:
    for action, parameters, said in (
        ("balance", {}, "Missing address"),
        ("balance", {"address": "0x12"}, "Invalid address format"),
        ("balance", {"address": text(busy)[:-1] + "g"}, "Invalid address format"),
        ("balance", {"address": text(busy), "tag": "newest"}, "Invalid tag"),
        ("balancemulti", {"address": ",".join([text(busy)] * 21)}, "Maximum number of addresses is 20"),
        ("txlist", {"address": text(busy), "sort": "up"}, "Invalid sort"),
        ("txlist", {"address": text(busy), "startblock": "-1"}, "Invalid startblock"),
        ("txlist", {"address": text(busy), "page": "x"}, "Invalid page"),
        ("txlist", {"address": text(busy), "offset": "1;DROP"}, "Invalid offset"),
        ("txlistinternal", {}, "Missing address, txhash"),
        ("txlistinternal", {"txhash": "0x12"}, "Invalid txhash"),
        ("txlistinternal", {"address": text(busy)}, "not traced"),
        ("tokentx", {}, "Missing address or contractaddress"),
        ("tokenbalance", {"address": text(busy)}, "Missing contractaddress"),
        ("pendingtxlist", {"address": text(busy)}, "does not tell which transactions are pending"),
        ("getminedblocks", {"address": text(busy), "blocktype": "ommers"}, "Invalid blocktype"),
        ("nothing", {}, "Action name"),
    ):
        assert said in await refusal(api, "account", action, **parameters), (action, parameters)
    assert "Module name" in await refusal(api, "nothing", "balance")
