"""Whatever is changed in a stored row is noticed, column by column; what is not is listed, with its reason."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from indexer.rows import TABLES
from indexer.verify import Difference, verify
from tests.database import DatabaseServer, fresh_database
from tests.integration.indexer.verify_chain import chain, fetched, store_chain

LAST = 3
HASH = "'\\x" + "77" * 32 + "'::bytea"

# Rows of different kinds need different changes: a transaction of another type, another block.
# (table, column, what is done) -> the first row for which this holds is changed.
WHERE = {
    ("transactions", "access_list", "emptied"): "access_list <> '[]'",
    ("blocks", "withdrawals", "changed"): "withdrawals <> '[]'",
    ("transactions", "chain_id", "emptied"): "type = 2",
    ("transactions", "gas_price", "emptied"): "type = 0",
    ("transactions", "contract_address", "emptied"): "status = 1",
    ("transactions", "revert_reason", "filled"): "status = 1",
    # Besu names the address of a failed creation, other nodes do not; this transaction creates nothing.
    ("transactions", "contract_address", "filled"): "status = 0",
}
JSON = {
    "withdrawals": "jsonb_set(withdrawals, '{0,amount}', '\"0x7\"')",
    "access_list": "jsonb_set(access_list, '{0,storageKeys}', '[]')",
    "authorization_list": "jsonb_set(authorization_list, '{0,nonce}', '\"0x7\"')",
}

# Beyond these, of rows that this chain does not have: which uncles a block names (the header's hash is over
# their headers, which are not stored); header fields behind a missing one (Besu's BFT chains show some, outside
# the hash) but for blob_gas_used; round and seals where a contract names the validators; gas_used of a
# transaction since EIP-7778; roots of a block with an unknown type; the total difficulty of the lowest block.
NODES_CHOOSE = "nodes may leave it out"
NOT_COVERED = {
    ("blocks", "total_difficulty", "emptied"): NODES_CHOOSE,
    ("transactions", "effective_gas_price", "emptied"): NODES_CHOOSE,
    ("transactions", "blob_gas_used", "emptied"): NODES_CHOOSE,
    ("transactions", "blob_gas_price", "emptied"): NODES_CHOOSE,
    (
        "transactions",
        "blob_gas_price",
        "changed",
    ): "its schedule is not in the chain; only equal within a block",
    ("transactions", "blob_gas_price", "filled"): "anvil says it on every receipt",
    ("transactions", "revert_reason", "changed"): "Besu's own, outside the receipts root",
    ("transactions", "revert_reason", "emptied"): "Besu's own, outside the receipts root",
}


def cases() -> Iterator[tuple[str, str, str]]:
    """Every column, and each way in which it can be changed on the chain of `verify_chain`."""
    nullable = {
        "blocks": (
            "base_fee_per_gas", "total_difficulty", "withdrawals_root", "blob_gas_used", "excess_blob_gas",
            "parent_beacon_block_root", "requests_hash", "block_access_list_hash", "slot_number",
            "withdrawals",
        ),
        "transactions": (
            "to_address", "gas_price", "max_fee_per_gas", "max_priority_fee_per_gas", "max_fee_per_blob_gas",
            "chain_id", "v", "r", "s", "access_list", "blob_versioned_hashes", "authorization_list",
            "status", "root", "effective_gas_price", "contract_address", "blob_gas_used", "blob_gas_price",
            "revert_reason",
        ),
        "logs": ("topic0", "topic1", "topic2", "topic3"),
    }  # fmt: skip
    for table, columns in TABLES.items():
        for column in columns:
            if column != "extra":  # null on every type that is known
                yield table, column, "changed"
            if column in nullable.get(table, ()):
                yield table, column, "emptied"
    for column in ("max_fee_per_gas", "max_priority_fee_per_gas", "max_fee_per_blob_gas", "access_list"):
        yield "transactions", column, "filled"
    for column in ("blob_versioned_hashes", "authorization_list", "extra", "to_address", "root"):
        yield "transactions", column, "filled"
    for column in ("contract_address", "blob_gas_used", "blob_gas_price", "revert_reason"):
        yield "transactions", column, "filled"
    for column in ("topic0", "topic1", "topic2", "topic3"):
        yield "logs", column, "filled"
    for column in ("base_fee_per_gas", "withdrawals_root", "withdrawals", "uncles"):
        yield "blocks", column, "filled"


def changed(column: str, kind: str) -> str:
    """An SQL expression of another value of the column's type."""
    match kind:
        case "bytea":
            flipped = f"set_byte({column}, 0, get_byte({column}, 0) # 1)"
            return f"CASE WHEN octet_length({column}) = 0 THEN '\\x01' ELSE {flipped} END"
        case "timestamp with time zone":
            return f"{column} + interval '1 second'"
        case "ARRAY":
            return f"array_append({column}, {HASH})"
        case "jsonb":
            return JSON.get(column, "NULL")
        case _:
            return f"{column} + 1"


def filled(kind: str) -> str:
    return {"bytea": HASH, "ARRAY": f"ARRAY[{HASH}]", "jsonb": "'[]'"}.get(kind, "1")


@pytest.fixture(scope="module")
def stored(embedded_home: DatabaseServer) -> Iterator[str]:
    """The DSN of a database that holds the chain; tests change it in transactions they roll back."""

    async def fill(dsn: str) -> None:
        connection = await asyncpg.connect(dsn)
        await store_chain(connection, [fetched(block) for block in chain()])
        await connection.close()

    for dsn in fresh_database(embedded_home):
        asyncio.run(fill(dsn))
        yield dsn


@pytest.fixture
async def changeable(stored: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(stored)
    transaction = connection.transaction(isolation="repeatable_read")
    await transaction.start()
    yield connection
    await transaction.rollback()
    await connection.close()


async def found(connection: asyncpg.Connection) -> list[Difference]:
    differences: list[Difference] = []
    report = await verify(connection, 0, LAST, on_difference=differences.append)
    assert report.differences == len(differences)
    return differences


async def test_verify_of_what_was_stored_finds_nothing(changeable: asyncpg.Connection) -> None:
    assert await found(changeable) == []


@pytest.mark.parametrize(("table", "column", "how"), list(cases()))
async def test_verify_of_one_changed_column_notices_it(
    changeable: asyncpg.Connection, table: str, column: str, how: str
) -> None:
    kind = await changeable.fetchval(
        "SELECT data_type FROM information_schema.columns"
        " WHERE table_schema = 'chain' AND table_name = $1 AND column_name = $2",
        table,
        column,
    )
    value = {"changed": changed(column, kind), "emptied": "NULL", "filled": filled(kind)}[how]
    holds = WHERE.get((table, column, how), "true")
    fits = "NULL" if how == "filled" and column != "uncles" else "NOT NULL"
    done = await changeable.execute(
        f"UPDATE chain.{table} SET {column} = {value} WHERE ctid ="
        f" (SELECT ctid FROM chain.{table} WHERE {column} IS {fits} AND {holds} ORDER BY ctid DESC LIMIT 1)"
    )
    assert done == "UPDATE 1"

    differences = await found(changeable)
    if (table, column, how) in NOT_COVERED:
        assert differences == []
    else:
        assert differences


async def test_verify_of_an_unprotected_transactions_chain_id_may_be_left_out_or_the_networks(
    changeable: asyncpg.Connection,
) -> None:
    """Like NOT_COVERED, but true of one kind of row only."""
    unprotected = "type = 0 AND v IN (27, 28)"
    await changeable.execute(f"UPDATE chain.transactions SET chain_id = 1337 WHERE {unprotected}")
    assert await found(changeable) == []
    await changeable.execute(f"UPDATE chain.transactions SET chain_id = 5 WHERE {unprotected}")
    assert {difference.kind for difference in await found(changeable)} == {"chain_id"}


@pytest.mark.parametrize(
    "statement",
    [
        f"UPDATE chain.coverage SET first_parent_hash = {HASH}",
        f"UPDATE chain.coverage SET last_hash = {HASH}",
        "UPDATE chain.coverage SET blocks = '[0,2]'",
        "UPDATE chain.coverage SET blocks = '[1,3]'",
        f"UPDATE chain.chain_state SET genesis_hash = {HASH}",
        "UPDATE chain.transactions SET nonce = 'NaN' WHERE type = 3",
        "UPDATE chain.blocks SET timestamp = 'infinity' WHERE number = 1",
        "UPDATE chain.blocks SET transaction_count = 2147483647, log_count = -5 WHERE number = 1",
        'UPDATE chain.transactions SET access_list = \'{"not": "a list"}\' WHERE type = 2',
    ],
)
async def test_verify_of_other_faults_notices_them(changeable: asyncpg.Connection, statement: str) -> None:
    assert await changeable.execute(statement) != "UPDATE 0"
    assert await found(changeable)
