"""module=transaction, block, logs, token, stats, gastracker, contract and proxy, against what is stored."""

import aiohttp

from tests.integration.explorer_api.etherscans import Sql, ask, refusal, result, rows, text, value
from tests.integration.explorer_api.explorers import Explored


async def test_transaction_status_says_whether_and_why_it_failed(
    api: aiohttp.ClientSession, sql: Sql
) -> None:
    failed = rows(
        sql,
        "SELECT x.hash, c.error_reason FROM transactions AS x JOIN decoded_calls AS c"
        " USING (block_number, transaction_index) WHERE x.status = 0 AND c.error_reason IS NOT NULL LIMIT 1",
    )[0]
    assert await result(api, "transaction", "getstatus", txhash=text(failed["hash"])) == {
        "isError": "1",
        "errDescription": failed["error_reason"],
    }
    assert await result(api, "transaction", "gettxreceiptstatus", txhash=text(failed["hash"])) == {
        "status": "0"
    }
    fine = value(sql, "SELECT hash FROM transactions WHERE status = 1 LIMIT 1")
    status = await result(api, "transaction", "getstatus", txhash=text(fine))
    assert status == {"isError": "0", "errDescription": ""}
    assert await result(api, "transaction", "gettxreceiptstatus", txhash=text(fine)) == {"status": "1"}
    for action in ("getstatus", "gettxreceiptstatus", "gettxinfo"):
        assert "not found" in await refusal(api, "transaction", action, txhash="0x" + "00" * 32)
        assert "Missing txhash" in await refusal(api, "transaction", action)


async def test_transaction_info_has_its_logs(
    api: aiohttp.ClientSession, sql: Sql, explored: Explored
) -> None:
    row = rows(sql, "SELECT * FROM transactions ORDER BY log_count DESC, block_number LIMIT 1")[0]
    logs = rows(
        sql,
        "SELECT * FROM logs WHERE block_number = %s AND transaction_index = %s ORDER BY log_index",
        row["block_number"],
        row["transaction_index"],
    )
    info = await result(api, "transaction", "gettxinfo", txhash=text(row["hash"]))
    assert (info["from"], info["to"]) == (text(row["from_address"]), text(row["to_address"]))
    assert (info["value"], info["gasUsed"], info["success"]) == (
        str(row["value"]),
        str(row["gas_used"]),
        True,
    )
    assert info["confirmations"] == str(explored.head - row["block_number"] + 1)
    assert [(each["index"], each["address"], each["data"]) for each in info["logs"]] == [
        (str(log["log_index"]), text(log["address"]), text(log["data"]) or "0x") for log in logs
    ]
    assert [each["topics"] for each in info["logs"]] == [
        [text(log[f"topic{place}"]) for place in range(4) if log[f"topic{place}"] is not None] for log in logs
    ]


async def test_block_reward_is_what_its_transactions_paid(api: aiohttp.ClientSession, sql: Sql) -> None:
    paid = value(
        sql,
        "SELECT sum(x.gas_used * (x.effective_gas_price - coalesce(b.base_fee_per_gas, 0))) FROM transactions AS x"
        " JOIN blocks AS b ON b.number = x.block_number WHERE b.number = 42",
    )
    miner = value(sql, "SELECT miner FROM blocks WHERE number = 42")
    reward = await result(api, "block", "getblockreward", blockno=42)
    assert (reward["blockNumber"], reward["blockMiner"]) == ("42", text(miner))
    assert reward["blockReward"] == str(paid)
    assert "not found" in await refusal(api, "block", "getblockreward", blockno=10**6)


async def test_block_by_time_is_the_closest_on_the_asked_side(
    api: aiohttp.ClientSession, sql: Sql, explored: Explored
) -> None:
    times = [
        int(row["timestamp"].timestamp()) for row in rows(sql, "SELECT timestamp FROM blocks ORDER BY number")
    ]
    for number in (0, 1, 59, explored.head):
        for moment in (times[number] - 1, times[number], times[number] + 1):
            before = [place for place, time in enumerate(times) if time <= moment]
            after = [place for place, time in enumerate(times) if time >= moment]
            for closest, found in (("before", before[-1:]), ("after", after[:1])):
                envelope = await ask(api, "block", "getblocknobytime", timestamp=moment, closest=closest)
                expected = str(found[0]) if found else "Error! No closest block found"
                assert envelope.result == expected, (moment, closest)
    assert "Invalid timestamp" in await refusal(api, "block", "getblocknobytime", timestamp="now")
    assert "Invalid timestamp" in await refusal(api, "block", "getblocknobytime", timestamp=10**15)


async def test_countdown_and_head_are_of_the_newest_block(
    api: aiohttp.ClientSession, explored: Explored
) -> None:
    countdown = await result(api, "block", "getblockcountdown", blockno=explored.head + 10)
    assert countdown["CurrentBlock"] == str(explored.head)
    assert countdown["RemainingBlock"] == "10"
    assert float(countdown["EstimateTimeInSec"]) == 36_000  # the devnet makes a block an hour
    assert "already pass" in await refusal(api, "block", "getblockcountdown", blockno=explored.head)
    for path in ("/api", "/api/", "/v2/api"):
        async with api.get(f"{path}?module=block&action=eth_block_number") as answer:
            assert await answer.json() == {"jsonrpc": "2.0", "id": 1, "result": hex(explored.head)}, path


async def test_logs_of_contract_topics_and_range_are_the_stored_ones(
    api: aiohttp.ClientSession, sql: Sql
) -> None:
    token = value(sql, "SELECT token FROM tokens WHERE standard = 20 ORDER BY transfer_count DESC LIMIT 1")
    stored = rows(
        sql,
        "SELECT l.*, x.hash, x.gas_used, x.timestamp FROM logs AS l JOIN transactions AS x"
        " USING (block_number, transaction_index) ORDER BY l.block_number, l.log_index",
    )
    of_token = [log for log in stored if log["address"] == token]

    async def keys(**parameters: object) -> list[tuple[int, int]]:
        found = await result(api, "logs", "getLogs", **parameters)
        return [(int(each["blockNumber"], 16), int(each["logIndex"], 16)) for each in found]

    def expected(wanted: list[dict[str, object]]) -> list[object]:
        return [(log["block_number"], log["log_index"]) for log in wanted]

    assert await keys(address=text(token)) == expected(of_token)
    within = [log for log in of_token if 30 <= log["block_number"] <= 50]
    assert await keys(address=text(token), fromBlock=30, toBlock=50) == expected(within)
    assert await keys(address=text(token), page=2, offset=5) == expected(of_token)[5:10]
    one = of_token[7]
    topics = {"topic0": text(one["topic0"]), "topic1": text(one["topic1"])}
    both = [log for log in of_token if (log["topic0"], log["topic1"]) == (one["topic0"], one["topic1"])]
    either = [log for log in of_token if one["topic0"] == log["topic0"] or one["topic1"] == log["topic1"]]
    assert await keys(address=text(token), **topics, topic0_1_opr="and") == expected(both)
    assert await keys(address=text(token), **topics, topic0_1_opr="or") == expected(either)
    anywhere = [log for log in stored if log["topic1"] == one["topic1"]]
    assert await keys(topic1=text(one["topic1"])) == expected(anywhere)[:1000]
    (full,) = await result(
        api, "logs", "getLogs", address=text(token), fromBlock=one["block_number"], offset=1, page=1
    )
    first = next(log for log in of_token if log["block_number"] >= one["block_number"])
    assert full["transactionHash"] == text(first["hash"])
    assert int(full["gasUsed"], 16) == first["gas_used"]
    assert int(full["timeStamp"], 16) == int(first["timestamp"].timestamp())
    empty = await ask(api, "logs", "getLogs", address=text(token), topic0="0x" + "00" * 32)
    assert (empty.status, empty.message, empty.result) == ("0", "No records found", [])
    assert "Missing address or topic0" in await refusal(api, "logs", "getLogs", fromBlock=1, toBlock=2)
    assert "Invalid topic0" in await refusal(api, "logs", "getLogs", topic0="0x12")
    wrong = await refusal(api, "logs", "getLogs", **topics, topic0_1_opr="xor")
    assert "Invalid topic0_1_opr" in wrong


async def test_tokens_and_holders_are_what_is_known_of_them(api: aiohttp.ClientSession, sql: Sql) -> None:
    for standard in (20, 721, 1155):
        token = rows(
            sql,
            "SELECT k.*, n.name, n.symbol, coalesce(n.total_supply, k.minted - k.burned) AS supply FROM tokens AS k"
            " JOIN token_metadata AS n USING (token) WHERE standard = %s ORDER BY transfer_count DESC LIMIT 1",
            standard,
        )[0]
        at = text(token["token"])
        known = await result(api, "token", "getToken", contractaddress=at)
        assert (known["name"], known["symbol"], known["type"]) == (
            token["name"],
            token["symbol"],
            f"ERC-{standard}",
        )
        (info,) = await result(api, "token", "tokeninfo", contractaddress=at)
        supply = await result(api, "stats", "tokensupply", contractaddress=at)
        assert info["totalSupply"] == known["totalSupply"] == supply == str(token["supply"])
        held = {
            text(row["holder"]): str(row["balance"])
            for row in rows(
                sql,
                "SELECT holder, sum(balance) AS balance FROM token_balances WHERE token = %s AND balance > 0"
                " GROUP BY holder",
                token["token"],
            )
        }
        holders = await result(api, "token", "getTokenHolders", contractaddress=at)
        assert {each["address"]: each["value"] for each in holders} == held
        count = await result(api, "token", "tokenholdercount", contractaddress=at)
        assert count == str(len(held)) == str(token["holder_count"])
        if standard == 20:
            assert [int(each["value"]) for each in holders] == sorted(map(int, held.values()), reverse=True)
        page = await result(api, "token", "tokenholderlist", contractaddress=at, page=2, offset=3)
        assert [(each["TokenHolderAddress"], each["TokenHolderQuantity"]) for each in page] == [
            (each["address"], each["value"]) for each in holders[3:6]
        ]
    for action in ("getToken", "tokeninfo", "tokenholdercount"):
        assert "No token" in await refusal(api, "token", action, contractaddress="0x" + "12" * 20)


async def test_stats_say_what_is_known_and_refuse_what_is_not(api: aiohttp.ClientSession, sql: Sql) -> None:
    day = rows(sql, "SELECT * FROM network_daily ORDER BY bucket LIMIT 1 OFFSET 1")[0]
    fees = await result(api, "stats", "totalfees", date=day["bucket"].date())
    assert fees == {"total_fees": str(day["fees"])}
    assert "not known" in await refusal(api, "stats", "totalfees", date="1999-01-01")
    assert "Invalid date" in await refusal(api, "stats", "totalfees", date="yesterday")
    for action in ("ethsupply", "coinsupply"):
        assert "not known" in await refusal(api, "stats", action)
    for action in ("ethprice", "coinprice"):
        assert "no market" in await refusal(api, "stats", action)
    prices = [
        row["effective_gas_price"]
        for row in rows(
            sql,
            "SELECT effective_gas_price FROM transactions WHERE block_number > (SELECT max(number) - 20 FROM blocks)",
        )
    ]
    oracle = await result(api, "gastracker", "gasoracle")
    named = [float(oracle[name]) * 1e9 for name in ("SafeGasPrice", "ProposeGasPrice", "FastGasPrice")]
    assert named == sorted(named)
    assert {round(price) for price in named} <= {int(price) for price in prices}


async def test_contracts_are_listed_with_their_creators(api: aiohttp.ClientSession, sql: Sql) -> None:
    stored = rows(
        sql,
        "SELECT a.*, x.hash FROM addresses AS a LEFT JOIN transactions AS x ON x.block_number = a.creation_block"
        " AND x.transaction_index = a.creation_transaction_index WHERE a.contract_block IS NOT NULL"
        " ORDER BY a.contract_block, a.address",
    )
    listed = await result(api, "contract", "listcontracts")
    assert [each["Address"] for each in listed] == [text(row["address"]) for row in stored]
    created = [row for row in stored if row["hash"] is not None][:5]
    given = ",".join(text(row["address"]) for row in created)
    creations = await result(api, "contract", "getcontractcreation", contractaddresses=given)
    assert [(each["contractAddress"], each["contractCreator"], each["txHash"]) for each in creations] == [
        (text(row["address"]), text(row["creator"]), text(row["hash"])) for row in created
    ]
    too_many = ",".join([text(created[0]["address"])] * 6)
    refused = await refusal(api, "contract", "getcontractcreation", contractaddresses=too_many)
    assert "Maximum" in refused
    for action in ("verifysourcecode", "checkverifystatus"):
        assert "not verified here" in await refusal(api, "contract", action)


async def test_proxy_passes_reads_on_and_nothing_else(
    api: aiohttp.ClientSession, sql: Sql, explored: Explored
) -> None:
    async def rpc(action: str, **parameters: str) -> dict[str, object]:
        async with api.get("/api", params={"module": "proxy", "action": action, **parameters}) as answer:
            found: dict[str, object] = await answer.json()
            assert (answer.status, found.pop("jsonrpc"), found.pop("id")) == (200, "2.0", 1)
            return found

    token = rows(sql, "SELECT * FROM token_metadata WHERE symbol = 'PUSD'")[0]
    at = text(token["token"])
    row = rows(sql, "SELECT * FROM transactions WHERE block_number = 5 ORDER BY transaction_index LIMIT 1")[0]
    assert await rpc("eth_blockNumber") == {"result": hex(explored.head)}
    block = (await rpc("eth_getBlockByNumber", tag="0x5", boolean="false"))["result"]
    assert isinstance(block, dict)
    assert block["hash"] == text(value(sql, "SELECT hash FROM blocks WHERE number = 5"))
    counted = await rpc("eth_getBlockTransactionCountByNumber", tag="5")
    assert counted == {"result": hex(value(sql, "SELECT transaction_count FROM blocks WHERE number = 5"))}
    for action, field in (
        ("eth_getTransactionByHash", "hash"),
        ("eth_getTransactionReceipt", "transactionHash"),
    ):
        found = (await rpc(action, txhash=text(row["hash"])))["result"]
        assert isinstance(found, dict)
        assert found[field] == text(row["hash"])
        assert await rpc(action, txhash="0x" + "00" * 32) == {"result": None}
    nonce = value(sql, "SELECT nonce FROM addresses WHERE address = %s", row["from_address"])
    count = await rpc("eth_getTransactionCount", address=text(row["from_address"]), tag="latest")
    assert count == {"result": hex(int(nonce))}
    supply = (await rpc("eth_call", to=at, data="0x18160ddd", tag="latest"))["result"]
    assert int(str(supply), 16) == token["total_supply"]
    error = (await rpc("eth_call", to=at, data="0xdeadbeef"))["error"]
    assert isinstance(error, dict)
    assert error["code"] == -32000
    missing = (await rpc("eth_getStorageAt", address=at, position="0x0"))["error"]
    assert missing == {"code": -32601, "message": "the node does not offer eth_getStorageAt"}
    for action in (
        "eth_sendRawTransaction",
        "eth_sign",
        "debug_traceTransaction",
        "admin_peers",
        "eth_getLogs",
    ):
        assert "Action name" in await refusal(api, "proxy", action, hex="0x00")
    assert "Missing to" in await refusal(api, "proxy", "eth_call", data="0x")
    assert "Invalid data" in await refusal(api, "proxy", "eth_call", to=at, data="0x123")
    assert "Invalid position" in await refusal(api, "proxy", "eth_getStorageAt", address=at, position="first")


async def test_chain_id_of_another_network_is_refused(api: aiohttp.ClientSession) -> None:
    for path, chain, status in (("/v2/api", "1337", "1"), ("/v2/api", "1", "0"), ("/api", "0x539", "0")):
        query = f"{path}?chainid={chain}&module=gastracker&action=gasoracle"
        async with api.get(query) as answer:
            assert (await answer.json())["status"] == status, query
