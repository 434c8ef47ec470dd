"""Logs and calls as the ABIs read them, with what that needs: where proxies point, and whom factories made.

Which ABIs read a block is recorded (`chain.decode_scopes`), so that the rows follow from the facts and the
record although ABIs come and go.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from indexer.decode.copy_rows import CALL_COLUMNS, EVENT_COLUMNS
from indexer.decode.decoding import Child, Destination, Known, decode_range, find_children
from indexer.decode.library import Library
from indexer.decode.scopes import Filter, Scope
from indexer.derive.derivation import queries
from postgres.connections import Connection
from postgres.copy import copy_binary


@dataclass(frozen=True, slots=True)
class DecodedEvents:
    """Decodes by the ABIs in force now, and records that; with `recompute`, by what is recorded."""

    recompute: bool = False
    name: str = "decoded_events"
    tables: tuple[str, ...] = (
        "proxy_implementations",
        "factory_children",
        "decoded_events",
        "decoded_calls",
        "unknown_topics",
    )
    _library: Library = field(default_factory=Library)

    async def apply(self, connection: Connection, first: int, last: int) -> None:
        await queries.apply_proxy_implementations.exec(connection, first, last)
        scopes = await (self._recorded if self.recompute else self._recording)(connection, first, last)
        # The lowest scope that holds an announcement found the child, so it goes first.
        for known in scopes:
            children = await find_children(connection, known, first, last)
            await insert_children(connection, children, known.scope.id)

        done = await decode_range(connection, first, last, scopes, to_tables(connection))
        if done.unknown:
            await queries.add_unknown_topics.exec(connection, list(done.unknown), list(done.unknown.values()))

    async def revert(self, connection: Connection, first: int, last: int) -> None:
        topics = [row["topic0"] for row in await queries.revert_unknown_topics.many(connection, first, last)]
        await queries.delete_known_topics.exec(connection, topics)
        await queries.revert_decoded_events.exec(connection, first, last)
        await queries.revert_decoded_calls.exec(connection, first, last)
        await queries.revert_factory_children.exec(connection, first, last)
        await queries.revert_proxy_implementations.exec(connection, first, last)
        await queries.delete_decode_scopes.exec(connection, first)
        await queries.cut_decode_scopes.exec(connection, first)
        await queries.cut_redecodes.exec(connection, first)

    async def _recording(self, connection: Connection, first: int, last: int) -> list[Known]:
        # Shared until the transaction ends: who adds an ABI then knows from which block on it is in force.
        state = await queries.share_abi_state.one(connection)
        assert state is not None
        version = state["version"]
        scope_id = await queries.record_decode_scope.value(connection, first, last, version)
        knowledge = await self._library.knowledge(connection, state["stamp"], version)
        return [Known(Scope(scope_id, first, last, version), knowledge)]

    async def _recorded(self, connection: Connection, first: int, last: int) -> list[Known]:
        state = await queries.select_abi_state.one(connection)
        assert state is not None
        scopes = []
        for row in await queries.select_decode_scopes.many(connection, first, last):
            scope = Scope(
                row["id"],
                row["first_block"],
                row["last_block"],
                row["version"],
                Filter.of(row["addresses"], row["topics"], row["selectors"]),
            )
            knowledge = await self._library.knowledge(connection, state["stamp"], scope.version)
            scopes.append(Known(scope, knowledge))
        return scopes


def to_tables(connection: Connection) -> Destination:
    """Rows go into the tables that search_path finds."""
    return Destination(
        write_events=lambda rows: copy_binary(connection, None, "decoded_events", EVENT_COLUMNS, rows),
        write_calls=lambda rows: copy_binary(connection, None, "decoded_calls", CALL_COLUMNS, rows),
    )


async def insert_children(connection: Connection, children: Sequence[Child], scope_id: int) -> None:
    if children:
        columns = [
            [getattr(child, part) for child in children]
            for part in ("address", "abi_id", "block", "log_index", "factory")
        ]
        await queries.insert_factory_children.exec(connection, *columns, scope_id)


DECODED_EVENTS = DecodedEvents()
