"""/api/v1/contracts, against the rows that it tells of."""

from collections import Counter
from typing import Any
from urllib.parse import quote

import aiohttp
import psycopg

from explorer_api.answers.contracts import Contract, ContractAbis, ContractEvent, ContractSummary, Interaction
from explorer_api.answers.envelope import Listed, One
from tests.integration.explorer_api.explorers import Explored, get, problem, walk

Sql = psycopg.Connection[dict[str, Any]]


def _contracts(sql: Sql) -> list[dict[str, Any]]:
    return sql.execute(
        "SELECT a.*, b.timestamp, x.hash, c.kind, c.code_size, c.code_hash, m.symbol"
        " FROM addresses a JOIN blocks b ON b.number = a.contract_block"
        " LEFT JOIN transactions x ON (x.block_number, x.transaction_index)"
        "   = (a.creation_block, a.creation_transaction_index)"
        " LEFT JOIN contract_codes c USING (address) LEFT JOIN token_metadata m ON m.token = a.address"
        " WHERE contract_block IS NOT NULL ORDER BY contract_block DESC, address DESC"
    ).fetchall()


def _busiest(sql: Sql, name: str) -> bytes:
    row = sql.execute(
        "SELECT address FROM decoded_events WHERE name = %s GROUP BY 1 ORDER BY count(*) DESC LIMIT 1",
        (name,),
    ).fetchone()
    assert row is not None
    return bytes(row["address"])


async def test_contracts_are_all_newest_first(api: aiohttp.ClientSession, sql: Sql) -> None:
    rows = _contracts(sql)
    listed = await walk(api, "/api/v1/contracts", Listed[ContractSummary], limit=4)
    assert [contract.address for contract in listed] == ["0x" + row["address"].hex() for row in rows]
    for contract, row in zip(listed, rows, strict=True):
        assert (contract.first_block, contract.first_seen) == (row["contract_block"], row["timestamp"])
        assert contract.creation is not None
        assert contract.creation.creator == "0x" + row["creator"].hex()
        assert contract.creation.transaction_hash == "0x" + row["hash"].hex()
        assert (contract.code_kind, contract.code_size) == (row["kind"], row["code_size"])
        assert (contract.label, contract.log_count) == (row["symbol"], row["log_count"])
    upwards = await walk(api, "/api/v1/contracts?order=oldest", Listed[ContractSummary], limit=5)
    assert upwards == listed[::-1]


async def test_contract_says_where_it_comes_from_and_what_it_is(
    api: aiohttp.ClientSession, sql: Sql, explored: Explored
) -> None:
    row = next(row for row in _contracts(sql) if row["symbol"] == "PUSD")
    answer = await get(api, f"/api/v1/contracts/0x{row['address'].hex()}", One[Contract])
    contract = answer.data
    assert contract.creation is not None
    assert contract.creation.block_number == row["creation_block"]
    assert contract.code is not None
    assert (contract.code.kind, contract.code.code_hash) == ("contract", "0x" + row["code_hash"].hex())
    assert (contract.proxy, contract.factory) == (None, None)
    assert contract.standards == ["ERC-20"]
    assert [(abi.name, abi.scope) for abi in contract.abis] == [("erc20", "built_in")]
    assert contract.native is not None
    assert answer.meta.complete is not None
    assert answer.meta.complete.to_block == explored.head


async def test_abi_of_a_pool_is_the_one_that_reads_it(api: aiohttp.ClientSession, sql: Sql) -> None:
    pool = _busiest(sql, "Invested")
    answer = await get(api, f"/api/v1/contracts/0x{pool.hex()}/abi", One[ContractAbis])
    (abi,) = answer.data.abis
    assert (abi.name, abi.scope) == ("pend_pool", "built_in")
    assert "Invested" in {entry.get("name") for entry in abi.entries}


async def test_events_of_a_contract_are_its_decoded_logs(api: aiohttp.ClientSession, sql: Sql) -> None:
    for name in ("Approval", "Invested", "TransferBatch"):
        address = _busiest(sql, name)
        rows = sql.execute(
            "SELECT e.*, x.hash, x.timestamp FROM decoded_events e"
            " JOIN transactions x USING (block_number, transaction_index)"
            " WHERE address = %s ORDER BY block_number DESC, log_index DESC",
            (address,),
        ).fetchall()
        path = f"/api/v1/contracts/0x{address.hex()}/events"
        listed = await walk(api, path, Listed[ContractEvent], limit=19)
        assert [
            (each.block_number, each.log_index, each.transaction_hash, each.timestamp, each.arguments)
            for each in listed
        ] == [
            (
                row["block_number"],
                row["log_index"],
                "0x" + row["hash"].hex(),
                row["timestamp"],
                row["arguments"],
            )
            for row in rows
        ]
        part = await get(api, f"{path}?from_block=30&to_block=80&limit=1000", Listed[ContractEvent])
        assert part.data == [each for each in listed if 30 <= each.block_number <= 80]
        named = await walk(api, f"{path}?name={name}", Listed[ContractEvent], limit=5)
        assert named == [each for each in listed if each.name == name]
        assert named
        signed = await get(api, f"{path}?name={quote(named[0].signature)}&limit=1000", Listed[ContractEvent])
        assert signed.data == named


async def test_events_are_filtered_by_arguments(api: aiohttp.ClientSession, sql: Sql) -> None:
    address = _busiest(sql, "Transfer")
    path = f"/api/v1/contracts/0x{address.hex()}/events"
    listed = await walk(api, f"{path}?name=Transfer", Listed[ContractEvent], limit=1000)
    assert all(isinstance(each.arguments, dict) for each in listed)
    arguments = [each.arguments for each in listed if isinstance(each.arguments, dict)]
    ((receiver, _),) = Counter(each["to"] for each in arguments).most_common(1)
    received = await walk(api, f"{path}?argument=to:{receiver}", Listed[ContractEvent], limit=3)
    assert received == [each for each, read in zip(listed, arguments, strict=True) if read["to"] == receiver]
    assert len(received) > 3
    value = next(read["value"] for read in arguments if read["to"] == receiver)
    both = f"{path}?argument=to:0x{receiver[2:].upper()}&argument=value:{value}"
    one = await get(api, both, Listed[ContractEvent])
    assert one.data == [each for each in received if each.arguments and each.arguments["value"] == value]
    nothing = await get(api, f"{path}?argument=to:'%20OR%20true", Listed[ContractEvent])
    assert (nothing.data, nothing.page.next) == ([], None)


async def test_interactions_are_the_transactions_that_called_it(api: aiohttp.ClientSession, sql: Sql) -> None:
    for name in ("Invested", "Approval"):
        address = _busiest(sql, name)
        rows = sql.execute(
            "SELECT i.*, x.hash FROM contract_interactions i"
            " JOIN transactions x USING (block_number, transaction_index)"
            " WHERE contract = %s ORDER BY block_number DESC, transaction_index DESC",
            (address,),
        ).fetchall()
        path = f"/api/v1/contracts/0x{address.hex()}/interactions"
        listed = await walk(api, path, Listed[Interaction], limit=9)
        assert [
            (each.transaction_hash, each.wallet, each.method, each.signature, each.outcome, each.error)
            for each in listed
        ] == [
            (
                "0x" + row["hash"].hex(),
                "0x" + row["wallet"].hex(),
                row["method"],
                row["signature"],
                row["outcome"],
                row["error"],
            )
            for row in rows
        ]
        assert {each.outcome for each in listed} == {"succeeded", "failed"}


async def test_what_is_no_contract_is_refused(api: aiohttp.ClientSession, sql: Sql) -> None:
    row = sql.execute("SELECT address FROM addresses WHERE contract_block IS NULL LIMIT 1").fetchone()
    assert row is not None
    for part in ("", "/abi", "/events", "/interactions"):
        await problem(api, f"/api/v1/contracts/0x{row['address'].hex()}{part}", 404)
        assert (await problem(api, f"/api/v1/contracts/0xzz{part}", 400))["field"] == "address"


async def test_wrong_filter_of_events_is_named(api: aiohttp.ClientSession, sql: Sql) -> None:
    path = f"/api/v1/contracts/0x{_busiest(sql, 'Transfer').hex()}/events"
    details = await problem(api, f"{path}?from_block=1000000", 404)
    assert details["type"] == "/problems/not-indexed"
    for query, field in (
        ("argument=to", "argument"),
        ("argument=:1", "argument"),
        (f"argument=to:{'1' * 300}", "argument"),
        ("&".join(["argument=to:1"] * 9), "argument"),
        ("argument=to:%00", "argument"),
        ("name=%00", "name"),
        (f"name={'x' * 201}", "name"),
        ("from_block=-1", "from_block"),
        ("from_block=2&to_block=1", "to_block"),
        ("argument.to=0x", "argument.to"),
    ):
        assert (await problem(api, f"{path}?{query}", 400))["field"] == field, query
