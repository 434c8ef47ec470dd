"""Rows on their way: staged range by range for a run that is killed, and put in use in one open transaction.

Both take the same parts in the same order, each on a connection of its own, while the next ones are decoded.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from evm.primitives import keccak256
from indexer.decode.copy_rows import CALL_COLUMNS, EVENT_COLUMNS
from indexer.decode.decoding import Decoded, Destination
from indexer.decode.redecode_job import Job
from indexer.derive.derivation import queries
from postgres.connections import Connection
from postgres.copy import copy_binary

Kind: TypeAlias = Literal["decoded_events", "decoded_calls"]

_PARTS_WAITING_MAX = 8


@dataclass(frozen=True, slots=True)
class Begin:
    """Blocks `first`…`last` are decoded next."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Rows:
    """A whole COPY stream."""

    kind: Kind
    payload: bytes


@dataclass(frozen=True, slots=True)
class End:
    """Everything up to `last` was given; `known` counts its events by first topic."""

    last: int
    known: Counter[bytes]


Part: TypeAlias = Begin | Rows | End


@dataclass(slots=True)
class Stager:
    """Keeps the parts, a range in each transaction."""

    connection: Connection
    job: Job
    parts: asyncio.Queue[Part | None] = field(default_factory=lambda: asyncio.Queue(_PARTS_WAITING_MAX))

    async def run(self) -> None:
        """Until a None comes."""
        while (part := await self.parts.get()) is not None:
            assert isinstance(part, Begin)
            async with self.connection.transaction():
                await self._keep(part.last)

    async def _keep(self, last: int) -> None:
        ordinal = 0
        while isinstance(part := await self.parts.get(), Rows):
            await self._insert(last, ordinal, part.kind, part.payload)
            ordinal += 1
        assert isinstance(part, End)
        counts = {topic.hex(): count for topic, count in part.known.items()}
        await self._insert(last, ordinal, "topics", json.dumps(counts).encode())
        await queries.update_redecode.exec(self.connection, self.job.id, last, ordinal + 1)

    async def _insert(self, last: int, ordinal: int, kind: str, payload: bytes) -> None:
        await queries.insert_redecoded_payload.exec(
            self.connection, self.job.id, last, ordinal, kind, payload
        )


@dataclass(slots=True)
class Exchange:
    """Puts new rows in the place of the old ones, in the transaction that is open on its connection.

    `unknown` is how the counts of unknown topics change by that.
    """

    connection: Connection
    job: Job
    by_signature: bool
    parts: asyncio.Queue[Part | None] = field(default_factory=lambda: asyncio.Queue(_PARTS_WAITING_MAX))
    unknown: Counter[bytes] = field(default_factory=Counter)
    events: int = 0
    calls: int = 0

    async def run(self) -> None:
        """Until a None comes."""
        while (part := await self.parts.get()) is not None:
            await self.take(part)

    async def take(self, part: Part) -> None:
        match part:
            case Begin(first, last):
                await self._delete(first, last)
            case Rows("decoded_events", payload):
                self.events += await copy_binary(
                    self.connection, "chain", "decoded_events", EVENT_COLUMNS, payload
                )
            case Rows(_, payload):
                self.calls += await copy_binary(
                    self.connection, "chain", "decoded_calls", CALL_COLUMNS, payload
                )
            case End(_, known):
                self.unknown.subtract(known)

    async def replay(self, first: int, last: int) -> None:
        """Take the range that is staged under its last block."""
        await self.take(Begin(first, last))
        ordinal = 0
        while True:
            row = await queries.select_redecoded_payload.one(self.connection, self.job.id, last, ordinal)
            assert row is not None, "a staged range ends with its counts"
            if row["kind"] == "topics":
                counts = json.loads(row["payload"])
                await self.take(End(last, Counter({bytes.fromhex(topic): n for topic, n in counts.items()})))
                return
            await self.take(Rows(row["kind"], row["payload"]))
            ordinal += 1

    async def _delete(self, first: int, last: int) -> None:
        addresses, topics, selectors = self.job.parts()
        await delete_old(
            self.connection,
            (first, last),
            (addresses, topics, selectors),
            self.unknown,
            by_signature=self.by_signature,
        )


async def delete_old(
    connection: Connection,
    blocks: tuple[int, int],
    parts: tuple[list[bytes] | None, list[bytes] | None, list[bytes] | None],
    unknown: Counter[bytes],
    *,
    by_signature: bool,
) -> None:
    """Remove the rows of some logs and calls, and count the events among them as unknown."""
    first, last = blocks
    addresses, topics, selectors = parts
    if by_signature and topics is None:
        for row in await queries.delete_decoded_signatures.many(connection, first, last, addresses):
            unknown[keccak256(row["signature"].encode())] += row["log_count"]
    else:
        for row in await queries.delete_decoded_events.many(connection, first, last, addresses, topics):
            unknown[row["topic0"]] += row["log_count"]
    await queries.delete_decoded_calls.exec(connection, first, last, addresses, selectors)


def to_queues(queues: Iterable[asyncio.Queue[Part | None]]) -> Destination:
    """Every part of rows goes to all of them."""

    async def put(kind: Kind, payload: bytes) -> None:
        for queue in queues:
            await queue.put(Rows(kind, payload))

    return Destination(
        write_events=lambda rows: put("decoded_events", rows),
        write_calls=lambda rows: put("decoded_calls", rows),
    )


def end_of(last: int, done: Decoded) -> End:
    return End(last, done.known)
