"""Blocks with chosen transactions and logs put straight into the tables of facts, and derived."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
from eth_abi.abi import encode

from evm.abi.entries import Event, Function
from evm.abi.reading import read_abi
from indexer.decode.candidates import Candidate, read_candidate
from indexer.decode.registration import Added, add
from indexer.derive import deriver
from indexer.derive.decoded_events import DECODED_EVENTS
from indexer.derive.derivation import Derivation
from indexer.verify.derived import DerivedDifference, verify_derived
from indexer.writer import queries
from postgres.connections import Connection, OwnConnection
from postgres.pool import DatabaseSettings, connect
from tests.integration.postgres.rows import ADDRESS, WORD, block_hash, transaction_hash

ONLY_EVENTS: tuple[Derivation, ...] = (DECODED_EVENTS,)


def address(number: int) -> bytes:
    return number.to_bytes(20, "big")


def text(number: int) -> str:
    return "0x" + address(number).hex()


@dataclass(frozen=True)
class Log:
    address: bytes
    topics: Sequence[bytes] = ()
    data: bytes = b""


@dataclass(frozen=True)
class Transaction:
    to: bytes | None = ADDRESS
    input: bytes = b""
    logs: Sequence[Log] = ()
    status: int | None = 1
    revert_reason: bytes | None = None
    created: bytes | None = None
    sender: bytes = ADDRESS


Blocks = Mapping[int, Sequence[Transaction]]


def event(signature: str) -> Event:
    """`Name(uint256 indexed x,address y)` as a value."""
    name, _, rest = signature.partition("(")
    inputs = []
    for part in filter(None, rest.rstrip(")").split(",")):
        kind, *words = part.split()
        inputs.append({"type": kind, "name": words[-1] if words else "", "indexed": "indexed" in words})
    return read_abi(json.dumps([{"type": "event", "name": name, "inputs": inputs}])).events[0]


def log(emitter: bytes, what: Event, *values: Any) -> Log:
    """The log of an event whose indexed arguments are single words."""
    topics, types, inside = [] if what.anonymous else [what.topic0], [], []
    for parameter, value in zip(what.parameters, values, strict=True):
        if parameter.indexed:
            topics.append(encode([parameter.type.canonical], [value]))
        else:
            types.append(parameter.type.canonical)
            inside.append(value)
    return Log(emitter, topics, encode(types, inside))


def call(function: Function, *values: Any) -> bytes:
    return function.selector + encode([each.type.canonical for each in function.inputs], values)


@dataclass
class Chain:
    """A database whose facts are made by hand; reorgs and derivations are the indexer's own."""

    connection: OwnConnection
    registry: tuple[Derivation, ...] = ONLY_EVENTS
    first: int = 0
    stored: dict[int, Sequence[Transaction]] = field(default_factory=dict)

    async def begin(self) -> None:
        await queries.register_network.exec(self.connection, 1, WORD, "clique")
        await deriver.register(self.connection, self.first, self.registry)

    async def store(self, blocks: Blocks) -> None:
        """Put blocks above those stored."""
        for number in sorted(blocks):
            await _insert(self.connection, number, blocks[number])
            self.stored[number] = blocks[number]
        await self.connection.execute("DELETE FROM chain.coverage")
        await self.connection.execute(
            "INSERT INTO chain.coverage VALUES (int8range($1, $2), $3, $3)",
            self.first,
            max(self.stored) + 1,
            WORD,
        )

    async def derive(self, *, rows: int = 10**6) -> None:
        """Everything stored, in ranges of about so many rows."""
        while True:
            async with self.connection.transaction():
                if await deriver.derive_next(self.connection, rows, self.registry) is None:
                    return

    async def put(self, blocks: Blocks) -> None:
        await self.store(blocks)
        await self.derive()

    async def revert(self, ancestor: int) -> None:
        """Take back all above a block, derived rows first, as the writer does."""
        async with self.connection.transaction():
            await deriver.revert(self.connection, ancestor, self.registry)
            for table, column in (
                ("logs", "block_number"),
                ("transactions", "block_number"),
                ("transaction_locations", "block_number"),
                ("block_locations", "number"),
                ("blocks", "number"),
            ):
                await self.connection.execute(f"DELETE FROM chain.{table} WHERE {column} > $1", ancestor)
            await self.connection.execute(
                "UPDATE chain.coverage SET blocks = int8range($1, $2)", self.first, ancestor + 1
            )
        self.stored = {number: block for number, block in self.stored.items() if number <= ancestor}

    async def events(self) -> list[tuple[Any, ...]]:
        """Block, log index, ABI, name, arguments or why not."""
        return [
            (*row[:4], json.loads(row[4]) if row[4] else row[5])
            for row in await self.connection.fetch(
                "SELECT block_number, log_index, abi, name, arguments, undecodable FROM chain.decoded_events"
                " ORDER BY block_number, log_index"
            )
        ]

    async def names(self) -> list[tuple[int, int, str, str]]:
        """Block, log index, ABI and name of every decoded event."""
        return [row[:4] for row in await self.events()]

    async def calls(self) -> list[asyncpg.Record]:
        return await self.connection.fetch(
            "SELECT * FROM chain.decoded_calls ORDER BY block_number, transaction_index"
        )

    async def unknown(self) -> dict[bytes, int]:
        rows = await self.connection.fetch("SELECT topic0, log_count FROM chain.unknown_topics")
        return {row["topic0"]: row["log_count"] for row in rows}

    async def rows(self) -> dict[str, list[str]]:
        """Everything decoded, as text, without the ids that count attempts."""
        held = {}
        for table in DECODED_EVENTS.tables:
            columns = "(to_jsonb(t) - 'scope_id' - 'abi_id')::text"
            found = await self.connection.fetch(f"SELECT {columns} FROM chain.{table} AS t ORDER BY 1")
            held[table] = [row[0] for row in found]
        return held

    async def differences(self, rows_per_range: int = 50_000) -> list[DerivedDifference]:
        """What deriving again, by the recorded knowledge, finds wrong."""
        found: list[DerivedDifference] = []
        dsn = _dsn(self.connection)
        other = await connect(DatabaseSettings(dsn))
        try:
            await verify_derived(other, 0, 2**62, on_difference=found.append, rows_per_range=rows_per_range)
        finally:
            await other.close()
        return found


_DSNS: dict[int, str] = {}


def _dsn(connection: Connection) -> str:
    return _DSNS[id(connection)]


@asynccontextmanager
async def chain(
    dsn: str, registry: tuple[Derivation, ...] = ONLY_EVENTS, first: int = 0
) -> AsyncIterator[Chain]:
    connection = await connect(DatabaseSettings(dsn))
    _DSNS[id(connection)] = dsn
    try:
        made = Chain(connection, registry, first)
        await made.begin()
        yield made
    finally:
        _DSNS.pop(id(connection))
        await connection.close()


def abi_of(*entries: Event | dict[str, Any]) -> list[dict[str, Any]]:
    """JSON of an ABI that declares these."""
    made = []
    for entry in entries:
        if isinstance(entry, Event):
            inputs = [
                {"type": each.type.canonical, "name": each.name, "indexed": each.indexed}
                for each in entry.parameters
            ]
            made.append({"type": "event", "name": entry.name, "inputs": inputs, "anonymous": entry.anonymous})
        else:
            made.append(entry)
    return made


def candidate(tmp_path: Path, name: str, entries: Sequence[dict[str, Any]], **options: Any) -> Candidate:
    """An ABI file, read."""
    path = tmp_path / f"{name}.json"
    path.write_text(json.dumps(entries))
    return read_candidate(path, **options)


async def register(made: Chain, given: Candidate) -> Added:
    return (await add(made.connection, [given], "command"))[0]


async def _insert(connection: Connection, number: int, transactions: Sequence[Transaction]) -> None:
    logs = [(index, each) for index, held in enumerate(transactions) for each in held.logs]
    await connection.execute(
        """
        INSERT INTO chain.blocks
            (number, hash, parent_hash, timestamp, miner, gas_limit, gas_used, difficulty, size, nonce, mix_hash,
             sha3_uncles, state_root, transactions_root, receipts_root, logs_bloom, extra_data,
             transaction_count, log_count)
        VALUES ($1::bigint, $2, $3, to_timestamp($1::bigint), $4, 30000000, 42000, 1, 1000, $5, $6, $6, $6, $6, $6,
                $7, $6, $8, $9)
        """,
        number, block_hash(number), block_hash(number - 1), ADDRESS, bytes(8), WORD, bytes(256),
        len(transactions), len(logs),
    )  # fmt: skip
    await connection.execute("INSERT INTO chain.block_locations VALUES ($1, $2)", block_hash(number), number)
    await connection.executemany(
        """
        INSERT INTO chain.transactions
            (block_number, transaction_index, hash, timestamp, type, from_address, to_address, nonce, value,
             gas_limit, input, cumulative_gas_used, gas_used, status, contract_address, revert_reason, log_count)
        VALUES ($1::bigint, $2, $3, to_timestamp($1::bigint), 0, $4, $5, 0, 1, 21000, $6, 21000, 21000, $7, $8, $9,
                $10)
        """,
        [
            (number, index, transaction_hash(number, index), each.sender, each.to, each.input, each.status,
             each.created, each.revert_reason, len(each.logs))
            for index, each in enumerate(transactions)
        ],
    )  # fmt: skip
    await connection.executemany(
        "INSERT INTO chain.logs VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        [
            (number, place, index, each.address, *[*each.topics, None, None, None, None][:4], each.data)
            for place, (index, each) in enumerate(logs)
        ],
    )
