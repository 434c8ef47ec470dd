"""One statement, one answer: rows of a query become an envelope that says where it is true."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import msgspec
from litestar import Request

from evm.primitives import to_hex
from explorer_api.answer import Answer, AnswerResponse, Complete, Lifetime, Meta
from explorer_api.clients import Client
from explorer_api.pages import Page, PageRequest
from explorer_api.problems import NotIndexed, TooManyQueries
from explorer_api.settings import ExplorerSettings
from explorer_api.tip import Tip
from node.client import NodeClient
from postgres.queries import Queries, Query, load
from postgres.reader import Reader

Row = asyncpg.Record

queries: Queries = load("explorer")


@dataclass(slots=True)
class Explorer:
    """What every route reads with.

    Each query answers one row: `sequence`, `head_number`, `head_hash`, `finalized_number` of chain.tip, and
    JSON text in `data`; derived figures also `complete_from` and `complete_to`.
    """

    settings: ExplorerSettings
    reader: Reader
    tip: Tip
    node: NodeClient | None = None
    """Asked for what is not stored; None where none is configured."""

    async def read(self, query: Query, *arguments: Any) -> Row:
        """The one row of a query. Raises `NotIndexed` before a network is recorded."""
        row = await self.reader.one(query, *arguments)
        if row is None or row["head_number"] is None:
            raise NotIndexed("nothing is indexed yet; start `pend-index run` and ask again")
        return row

    def lifetime_of(self, row: Row, block: int | None, *, by_hash: bool = False) -> Lifetime:
        """How long an answer lives that depends on blocks up to `block`; None: on whatever comes."""
        final = row["finalized_number"]
        if block is None or final is None or block > final:
            return Lifetime.HEAD
        return Lifetime.IMMUTABLE if by_hash else Lifetime.FINAL

    def ttl_s(self, lifetime: Lifetime) -> float:
        cache = self.settings.cache
        if lifetime is Lifetime.HEAD:
            return cache.head_s
        return cache.final_s if lifetime is Lifetime.FINAL else cache.immutable_s

    def answer(
        self,
        row: Row,
        *,
        lifetime: Lifetime = Lifetime.HEAD,
        ttl_s: float | None = None,
        page: Page | None = None,
    ) -> AnswerResponse:
        """The envelope around `data`: {"data": …, "page": …, "meta": …}."""
        meta = meta_of(row, final=lifetime in {Lifetime.IMMUTABLE, Lifetime.FINAL})
        parts = [b'{"data":', row["data"].encode()]
        if page is not None:
            parts += [b',"page":', msgspec.json.encode(page)]
        parts += [b',"meta":', msgspec.json.encode(meta), b"}"]
        return AnswerResponse(
            Answer(
                body=b"".join(parts),
                sequence=meta.sequence,
                lifetime=lifetime,
                ttl_s=self.ttl_s(lifetime) if ttl_s is None else ttl_s,
                block_number=meta.block_number,
                block_hash=meta.block_hash,
                finality=meta.finality,
            )
        )

    async def page(
        self,
        query: Query,
        request: PageRequest,
        *arguments: Any,
        block_key: int | None = 0,
        ttl_s: float | None = None,
    ) -> AnswerResponse:
        """A page of a list: the query takes what `PageRequest.arguments` gives, then `arguments`."""
        row = await self.read(query, *request.arguments(), *arguments)
        return self.page_of(row, request, block_key=block_key, ttl_s=ttl_s)

    def page_of(
        self, row: Row, request: PageRequest, *, block_key: int | None = 0, ttl_s: float | None = None
    ) -> AnswerResponse:
        """The page of a row that was read. Raises `CursorRetracted` when a reorg went below the cursor."""
        request.check(row["reorged_to"], row["sequence"])
        return self.answer(row, ttl_s=ttl_s, page=request.page(row, block_key=block_key))

    @contextmanager
    def expensive(self, request: Request[Any, Any, Any]) -> Iterator[None]:
        """At most so many of these run for one client at once. Raises `TooManyQueries`."""
        client: Client = request.scope["pend.client"]  # type: ignore[typeddict-item]
        most = self.settings.queries.expensive_per_client
        if client.expensive >= most:
            raise TooManyQueries(
                f"{client.expensive} of your expensive queries are running, {most} may at once; wait for one",
                retry_after_s=1,
            )
        client.expensive += 1
        try:
            yield
        finally:
            client.expensive -= 1

    async def hinted(
        self,
        hint: Callable[[], Awaitable[Any]],
        read: Callable[[Any], Awaitable[Row]],
        holds: Callable[[Row], bool],
    ) -> Row:
        """Answer in one statement that was told where to look.

        On a hypertable a statement whose block numbers are not constants opens every chunk. A first look at
        plain tables says which blocks the answer lies in; the second statement answers all by itself and says
        whether the hint was right. A commit between the two is met by looking again.
        """
        for _ in range(4):
            row = await read(await hint())
            if holds(row):
                return row
        return row


def meta_of(row: Row, *, final: bool) -> Meta:
    complete_to = row.get("complete_to")
    complete = None
    if complete_to is not None and complete_to >= row["complete_from"]:
        complete = Complete(row["complete_from"], complete_to)
    settled = row["finalized_number"] is not None and row["finalized_number"] >= row["head_number"]
    return Meta(
        block_number=row["head_number"],
        block_hash=to_hex(row["head_hash"]),
        finalized_number=row["finalized_number"],
        finality="final" if final or settled else "pending",
        sequence=row["sequence"],
        complete=complete,
    )
