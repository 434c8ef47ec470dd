"""What every action answers with: one statement, in Etherscan's envelope."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec
from litestar import Request

from explorer_api.answer import Answer, Lifetime
from explorer_api.etherscan.asked_node import AskedNode
from explorer_api.etherscan.envelope import Refused, live, wrapped
from explorer_api.etherscan.parameters import Parameters, Window
from explorer_api.reading import Explorer, Row, meta_of
from explorer_api.windows import widening
from postgres.queries import Queries, Query, load

queries: Queries = load("etherscan")

BYTES_MAX = 8 * 1024 * 1024
"""Of input and log data in one answer: written as hexadecimal digits they are twice as long."""
_CHEAP_ROWS = 1_000
_FIRST_BLOCKS = 1_000
_NODE_TTL_S = 1.0


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: what was asked, and what it is answered from."""

    explorer: Explorer
    node: AskedNode
    parameters: Parameters
    request: Request[Any, Any, Any]

    async def read(self, query: Query, *arguments: Any) -> Row:
        """The one row of a query. Raises `Refused` where the figures it is about are not derived at all."""
        row = await self.explorer.read(query, *arguments)
        if "complete_to" in row.keys() and not _is_derived(row):  # noqa: SIM118  # a record is not its keys
            raise Refused("Error! These figures are not derived yet; ask again when indexing has caught up")
        return row

    async def value(self, query: Query, *arguments: Any) -> Any:
        async with self.explorer.reader.connection() as connection:
            return await query.value(connection, *arguments)

    async def page(self, window: Window, read: Callable[[], Awaitable[Row]]) -> Row:
        """A page of a list: a long one counts as an expensive query of its client."""
        if window.rows + window.skipped <= _CHEAP_ROWS:
            return await read()
        with self.explorer.expensive(self.request):
            return await read()

    async def hinted(self, hint: Callable[[], Awaitable[Any]], read: Callable[[Any], Awaitable[Row]]) -> Row:
        """See `Explorer.hinted`: `covered` says whether the hint still held."""
        row = await self.explorer.hinted(hint, read, lambda row: bool(row["covered"]))
        if not row["covered"]:
            raise Refused("Error! The chain moved while this was read; ask again")
        return row

    async def widened(
        self,
        window: Window,
        blocks: tuple[int, int],
        read: Callable[[int, int], Awaitable[Row]],
        *,
        descending: bool,
    ) -> Row:
        """A page of a list along blocks of a hypertable: `full` says whether it holds all its rows."""
        first, last = blocks
        last = min(last, self.explorer.tip.head + _FIRST_BLOCKS)
        row: Row = await widening(
            read,
            start=last if descending else first,
            end=first if descending else last,
            blocks=_FIRST_BLOCKS + window.rows + window.skipped,
            backward=not descending,
            enough=lambda row: bool(row["full"]),
        )
        return row

    def answer(
        self,
        row: Row,
        *,
        empty: str | None = None,
        absent: str = "Error! There is no such thing",
        lifetime: Lifetime = Lifetime.HEAD,
        result: bytes | None = None,
        rpc: bool = False,
    ) -> Answer:
        """The row's `data`, or `result` made of it. `empty`: the message of a list without rows."""
        if row["data"] is None and result is None:
            raise Refused(absent)
        data = row["data"].encode() if result is None else result
        meta = meta_of(row, final=lifetime is Lifetime.FINAL)
        complete: Mapping[str, Any] = {} if meta.complete is None else msgspec.structs.asdict(meta.complete)
        if rpc:
            body = b'{"jsonrpc":"2.0","id":1,"result":%s}' % data
        elif empty is not None and data == b"[]":
            body = wrapped(data, status="0", message=empty)
        else:
            body = wrapped(data)
        return Answer(
            body=body,
            sequence=meta.sequence,
            lifetime=lifetime,
            ttl_s=self.explorer.ttl_s(lifetime),
            block_number=meta.block_number,
            block_hash=meta.block_hash,
            finality=meta.finality,
            headers=(
                ((b"pend-complete", b"%d-%d" % (complete["from_block"], complete["to_block"])),)
                if complete
                else ()
            ),
        )

    def of_node(self, result: Any) -> Answer:
        """What the node said now."""
        return live(wrapped(msgspec.json.encode(result)), _NODE_TTL_S)


def _is_derived(row: Row) -> bool:
    return row["complete_to"] is not None and row["complete_to"] >= row["complete_from"]


Action: TypeAlias = Callable[[Asked], Awaitable[Answer]]
Actions: TypeAlias = Mapping[str, Action]
