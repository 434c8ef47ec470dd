"""What a redecode is to do, recorded so that a run that was killed goes on where it was."""

import json
from dataclasses import dataclass, replace
from typing import Any

import structlog

from evm.abi.entries import CustomError, Function
from evm.primitives import to_hex
from indexer.decode import registration
from indexer.decode.abis import NamedAbi
from indexer.decode.decoding import Known, find_children
from indexer.decode.errors import AbiAmbiguous, NothingToRedecode
from indexer.decode.library import Library
from indexer.decode.scopes import ABOVE_ALL, Filter, Scope
from indexer.derive.derivation import queries
from indexer.writer import queries as writer_queries
from postgres.connections import Connection

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """What to decode anew; None: every contract, every ABI, from the first block, to the last one decoded."""

    addresses: tuple[bytes, ...] | None = None
    abi: str | None = None
    first: int | None = None
    last: int | None = None

    @property
    def text(self) -> str:
        """The same for the same request, which goes on with what was begun."""
        addresses = None if self.addresses is None else [to_hex(each) for each in self.addresses]
        return json.dumps([addresses, self.abi, self.first, self.last])


@dataclass(slots=True)
class Job:
    """A row of `chain.redecodes`, and what is known in it."""

    id: int
    first: int
    last: int
    decoded_to: int
    known: Known
    to_last: bool
    resumed: bool

    @property
    def filter(self) -> Filter:
        return self.known.scope.filter

    def parts(self) -> tuple[list[bytes] | None, list[bytes] | None, list[bytes] | None]:
        held = self.filter
        return in_order(held.addresses), in_order(held.topics), in_order(held.selectors)


async def begin(connection: Connection, request: Request) -> Job:
    """A new job, in place of one that was begun with other words or other ABIs."""
    state = await queries.select_abi_state.one(connection)
    # After the version: whoever derives a block from now on uses this version or a later one.
    decoded = await writer_queries.select_decoded_range.one(connection)
    first, last = request.first or 0, request.last
    if decoded is None:
        raise NothingToRedecode(first, last, None, None)
    lowest = max(first, decoded["first_block"])
    highest = decoded["derived_to"] if last is None else min(last, decoded["derived_to"])
    if highest < lowest:
        raise NothingToRedecode(first, last, decoded["first_block"], decoded["derived_to"])
    assert state is not None
    knowledge = await Library().knowledge(connection, state["stamp"], state["version"])
    abi = await _named(connection, request.abi)
    held = await _filter(connection, request.addresses, abi)
    known = Known(Scope(ABOVE_ALL, lowest, highest, state["version"], held), knowledge)
    if abi is not None and abi.factory is not None and request.addresses is None:
        known = await _with_children(connection, known, abi)
    held = known.scope.filter
    parts = (in_order(held.addresses), in_order(held.topics), in_order(held.selectors))
    async with connection.transaction():
        if (old := await queries.select_redecode.one(connection)) is not None:
            log.warning("an unfinished redecode is given up", request=old["request"])
            await queries.end_redecode.exec(connection, old["id"], "abandoned")
        await queries.truncate_redecoded.exec(connection)
        row = await queries.insert_redecode.one(
            connection, request.text, lowest, highest, *parts, state["version"]
        )
    return await _job(connection, row, known, request, resumed=False)


async def resume(connection: Connection, request: Request) -> Job | None:
    """The job that was begun with the same words, if everything it rests on is still there."""
    row = await queries.select_redecode.one(connection)
    if row is None or row["request"] != request.text:
        return None
    if await queries.count_redecoded_payloads.value(connection) != row["staged_payloads"]:
        log.warning("staged rows are lost: a server that crashes empties their table")
        return None
    if await queries.has_abi_changes.value(connection, row["version"]):
        return None
    state = await queries.select_abi_state.one(connection)
    assert state is not None
    knowledge = await Library().knowledge(connection, state["stamp"], row["version"])
    held = Filter.of(row["addresses"], row["topics"], row["selectors"])
    scope = Scope(ABOVE_ALL, row["first_block"], row["last_block"], row["version"], held)
    return await _job(connection, row, Known(scope, knowledge), request, resumed=True)


async def _job(connection: Connection, row: Any, known: Known, request: Request, *, resumed: bool) -> Job:
    first, last = row["first_block"], row["last_block"]
    children = known.children or await find_children(connection, known, first, last)
    known = replace(known, children=children)
    return Job(row["id"], first, last, row["decoded_to"], known, request.last is None, resumed)


async def _named(connection: Connection, wanted: str | None) -> NamedAbi | None:
    if wanted is None:
        return None
    found = await registration.named(connection, wanted)
    if len(found) > 1:
        raise AbiAmbiguous(wanted, [each.id for each in found])
    return found[0]


async def _filter(
    connection: Connection, addresses: tuple[bytes, ...] | None, abi: NamedAbi | None
) -> Filter:
    """The logs and calls that the request means."""
    asked = None if addresses is None else frozenset(addresses)
    if abi is None:
        return Filter(asked)
    if abi.is_everywhere:
        topics = frozenset(event.topic0 for event in abi.abi.events if not event.anonymous)
        entries: tuple[Function | CustomError, ...] = (*abi.abi.functions, *abi.abi.errors)
        selectors = frozenset(each.selector for each in entries)
        return Filter(asked, topics, selectors)
    if asked is not None:
        return Filter(asked)
    if abi.factory is not None:
        children = await queries.select_children_of.value(connection, abi.id)
        return Filter(frozenset({abi.factory.address, *(children or ())}))
    behind = await queries.select_contracts_behind.value(connection, abi.address)
    assert abi.address is not None
    return Filter(frozenset({abi.address, *(behind or ())}))


async def _with_children(connection: Connection, known: Known, abi: NamedAbi) -> Known:
    """With the children of the ABI's factory that nobody knew yet."""
    scope = known.scope
    children = await find_children(connection, known, scope.first, scope.last)
    found = {child.address for child in children if child.abi_id == abi.id}
    addresses = (scope.filter.addresses or frozenset()) | found
    return replace(known, scope=replace(scope, filter=Filter(addresses)), children=children)


def in_order(part: frozenset[bytes] | None) -> list[bytes] | None:
    return None if part is None else sorted(part)
