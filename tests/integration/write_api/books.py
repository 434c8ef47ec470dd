"""One offer, one investor, a chain that has begun, and the worker that compares them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from tests.integration.write_api.ledger import (
    Chain,
    Event,
    Investor,
    Offer,
    Sql,
    invest,
    investor,
    offer,
    superuser,
    worker_on,
)
from write_api.working.settling import settle
from write_api.working.worker import Worker

PENDING, CONFIRMED = ("pending", None), ("confirmed", None)
LIFE_BLOCKS = 26
"""So many blocks later what was asked for has expired."""


@dataclass(slots=True)
class Book:
    """What a test of settling begins with."""

    sql: Sql
    chain: Chain
    offer: Offer
    investor: Investor
    worker: Worker

    def event(self, amount: str = "100", kind: str = "investment") -> Event:
        return Event(self.offer.pool, self.investor.wallet, amount, kind)

    def invest(self, amount: str = "100", named: bytes | None = None) -> UUID:
        return invest(self.sql, self.investor, self.offer, amount, named)

    async def settle(self) -> None:
        await settle(self.worker)

    def blocks(self, count: int) -> None:
        for _ in range(count):
            self.chain.block()


@asynccontextmanager
async def open_book(dsn: str, folder: Path) -> AsyncIterator[Book]:
    with superuser(dsn) as sql:
        worker = worker_on(dsn, folder)
        async with worker.sessions:
            yield Book(sql, Chain(sql), offer(sql), investor(sql), worker)
