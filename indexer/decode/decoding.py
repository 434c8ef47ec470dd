"""Decodes the stored logs and calls of a range of blocks, each by the scopes that hold it.

Memory stays flat whatever is stored: rows are read a slice at a time, and long ones one by one.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from evm.abi.decoders import event_decoder
from evm.abi.outcome import Undecodable
from indexer.decode.copy_rows import payload
from indexer.decode.knowledge import Code, Contracts, Knowledge, Pointer
from indexer.decode.scopes import Scope, Segment, segments
from indexer.decode.slices import (
    CallSlice,
    EventSlice,
    Lens,
    decode_calls,
    decode_logs,
    undecodable_call,
    undecodable_log,
)
from indexer.derive.derivation import queries
from postgres.connections import Connection
from postgres.queries import Query

# Longer data than this is read by itself, and longer than that not at all.
SHORT_BYTES_MAX = 4096
DATA_BYTES_MAX = 4 * 1024 * 1024

_PAGE_ROWS = 2000

Write: TypeAlias = Callable[[bytes], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Child:
    """A contract that a factory announced, read by an ABI from that block on."""

    address: bytes
    abi_id: int
    block: int
    log_index: int
    factory: bytes


@dataclass(frozen=True, slots=True)
class Known:
    """A scope and the ABIs of its version; `children` are those found in it that no table tells yet."""

    scope: Scope
    knowledge: Knowledge
    children: Sequence[Child] = ()


@dataclass(frozen=True, slots=True)
class Destination:
    """Where rows go, each as a whole COPY stream."""

    write_events: Write
    write_calls: Write


@dataclass(slots=True)
class Decoded:
    """How many calls have a row, and by first topic how many events have one and how many no ABI knows."""

    calls: int = 0
    known: Counter[bytes] = field(default_factory=Counter)
    unknown: Counter[bytes] = field(default_factory=Counter)


async def find_children(connection: Connection, known: Known, first: int, last: int) -> list[Child]:
    """The children that factories announced in these blocks, as far as the scope holds their logs."""
    readers: dict[tuple[bytes, bytes], list[tuple[int, Any, str]]] = {}
    holds = known.scope.filter.holds_log
    for abi in known.knowledge.of_factories:
        factory = abi.factory
        if factory is not None and holds(factory.address, factory.event.topic0):
            reader = (abi.id, event_decoder(factory.event).decode, factory.argument)
            readers.setdefault((factory.address, factory.event.topic0), []).append(reader)
    first, last = max(first, known.scope.first), min(last, known.scope.last)
    if not readers or first > last:
        return []
    factories, topics = (sorted({key[part] for key in readers}) for part in range(2))
    children = []
    for row in await queries.select_factory_logs.many(connection, first, last, factories, topics):
        block, index, address, *log_topics, data = row
        held = tuple(topic for topic in log_topics if topic is not None)
        for abi_id, decode, argument in readers.get((address, held[0]), ()):
            outcome = decode(held, data)
            if not isinstance(outcome, Undecodable):
                child = bytes.fromhex(outcome[argument][2:])
                children.append(Child(child, abi_id, block, index, address))
    return children


async def decode_range(
    connection: Connection, first: int, last: int, scopes: Sequence[Known], to: Destination
) -> Decoded:
    """Decode what `scopes` hold of blocks `first`…`last`, whose pointers and children are in their tables.

    Part of the caller's transaction.
    """
    done = Decoded()
    by_id = {known.scope.id: known for known in scopes}
    boundaries = {block for known in scopes for block in known.knowledge.boundaries}
    neighbours = await _neighbours(connection, first, last, scopes)
    for segment in segments([known.scope for known in scopes], first, last, boundaries):
        lenses = [
            Lens(scope.filter, neighbours.contracts(by_id[scope.id], segment)) for scope in segment.scopes
        ]
        await _decode_logs(connection, segment, lenses, to, done)
        await _decode_calls(connection, segment, lenses, to, done)
    return done


async def _decode_logs(
    connection: Connection, segment: Segment, lenses: Sequence[Lens], to: Destination, done: Decoded
) -> None:
    async def write(made: EventSlice) -> None:
        done.known.update(made.known)
        done.unknown.update(made.unknown)
        if made.rows:
            await to.write_events(payload(made.rows))

    narrowed = _narrowed(segment, "addresses"), _narrowed(segment, "topics")
    pages = _Pages(connection, queries.select_logs_between, (segment.first, segment.last, *narrowed))
    records = await pages.first()
    while records:
        await pages.read_ahead()
        made = decode_logs(records, lenses)
        records = await pages.next()
        await write(made)
        for record in made.long:
            found = await queries.select_log_data.one(connection, record[0], record[1], DATA_BYTES_MAX)
            if found is None:
                continue  # a reorg beside a redecode
            if found["data"] is None:
                await write(undecodable_log(record, lenses, _longer("data", found["length"])))
            else:
                await write(decode_logs([(*record[:8], found["data"])], lenses))


async def _decode_calls(
    connection: Connection, segment: Segment, lenses: Sequence[Lens], to: Destination, done: Decoded
) -> None:
    async def write(made: CallSlice) -> None:
        done.calls += made.count
        if made.rows:
            await to.write_calls(payload(made.rows))

    narrowed = _narrowed(segment, "addresses"), _narrowed(segment, "selectors")
    pages = _Pages(connection, queries.select_calls_between, (segment.first, segment.last, *narrowed))
    records = await pages.first()
    while records:
        await pages.read_ahead()
        made = decode_calls(records, lenses)
        records = await pages.next()
        await write(made)
        for record in made.long:
            found = await queries.select_call_data.one(connection, record[0], record[1], DATA_BYTES_MAX)
            if found is None:
                continue  # a reorg beside a redecode
            data = record[4] if record[4] is not None else found["input"]
            revert = record[5] if record[5] is not None else found["revert_reason"] or b""
            if data is None:
                await write(undecodable_call(record, lenses, _longer("input", found["input_length"])))
            else:
                await write(decode_calls([(*record[:4], data, revert)], lenses))


@dataclass(slots=True)
class _Pages:
    """The rows of a query page by page, the next one read by the server while this one is decoded.

    A block at the head is one page and one round trip; a cursor gives the rest of a range.
    """

    connection: Connection
    query: Query
    arguments: tuple[Any, ...]
    _cursor: Any = None
    _ahead: asyncio.Task[list[Any]] | None = None
    _more: bool = False

    async def first(self) -> list[Any]:
        page = await self.query.many(self.connection, *self.arguments, SHORT_BYTES_MAX, 0, _PAGE_ROWS)
        if len(page) == _PAGE_ROWS:
            self._more = True
            self._cursor = await self.connection.cursor(
                self.query.sql, *self.arguments, SHORT_BYTES_MAX, _PAGE_ROWS, None
            )
        return page

    async def read_ahead(self) -> None:
        """Ask for the next page; nothing else may use the connection until `next`."""
        if self._more:
            self._ahead = asyncio.create_task(self._cursor.fetch(_PAGE_ROWS))
            # Sent before this returns; the server works while the page at hand is decoded.
            await asyncio.sleep(0)

    async def next(self) -> list[Any]:
        if self._ahead is None:
            return []
        page, self._ahead = await self._ahead, None
        self._more = len(page) == _PAGE_ROWS
        return page


def _longer(what: str, length: int) -> str:
    return f"the {what} is {length} bytes long; at most {DATA_BYTES_MAX} are decoded"


def _narrowed(segment: Segment, part: str) -> list[bytes] | None:
    """What the database may leave out: all that the only scope does not hold."""
    if len(segment.scopes) > 1:
        return None
    values: frozenset[bytes] | None = getattr(segment.scopes[0].filter, part)
    return None if values is None else sorted(values)


@dataclass(frozen=True, slots=True)
class _Neighbours:
    """What other tables say of the contracts of a range."""

    pointers: dict[bytes, list[Pointer]]
    codes: list[tuple[bytes, Code, int]]
    children: list[tuple[bytes, int, int, int]]

    def contracts(self, known: Known, segment: Segment) -> Contracts:
        """As much of it as a scope knows."""
        scope = known.scope
        codes = {address: code for address, code, version in self.codes if version <= scope.version}
        earliest: dict[tuple[bytes, int], int] = {}
        rows: Iterable[tuple[bytes, int, int]] = (
            (child, abi_id, block) for child, abi_id, scope_id, block in self.children if scope_id <= scope.id
        )
        for child, abi_id, block in (*rows, *((c.address, c.abi_id, c.block) for c in known.children)):
            earliest[child, abi_id] = min(block, earliest.get((child, abi_id), block))
        children: dict[bytes, list[tuple[int, int]]] = {}
        # The newest ABI first, as everywhere.
        for (child, abi_id), block in sorted(earliest.items(), key=lambda item: -item[0][1]):
            children.setdefault(child, []).append((abi_id, block))
        return Contracts(known.knowledge, segment.first, self.pointers, codes, children)


async def _neighbours(connection: Connection, first: int, last: int, scopes: Sequence[Known]) -> _Neighbours:
    """Asked for only where an ABI is for some contracts, and of the contracts that these blocks name."""
    found = _Neighbours({}, [], [])
    bound = any(known.knowledge.bound for known in scopes)
    of_factories = any(known.knowledge.of_factories for known in scopes)
    if not bound and not of_factories:
        return found
    held = scopes[0].scope.filter.addresses if len(scopes) == 1 else None
    addresses = await queries.select_contracts_between.value(
        connection, first, last, None if held is None else sorted(held)
    )
    if not addresses:
        return found
    if bound:
        for row in await queries.select_pointers.many(connection, addresses, first, last):
            pointer = Pointer(
                row["block_number"],
                row["transaction_index"],
                row["log_index"],
                row["kind"] == "beacon",
                row["target"],
            )
            found.pointers.setdefault(row["proxy"], []).append(pointer)
        beacons = {each.target for pointers in found.pointers.values() for each in pointers if each.is_beacon}
        for row in await queries.select_codes.many(connection, [*addresses, *beacons]):
            code = Code(row["clone_of"], row["beacon_implementation"])
            found.codes.append((row["address"], code, row["version"]))
    if of_factories:
        for row in await queries.select_factory_children.many(connection, addresses, last):
            found.children.append((row["child"], row["abi_id"], row["scope_id"], row["block_number"]))
    return found
