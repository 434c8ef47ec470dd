"""The database of a history: one of the shared server's, or a server of its own that may restart and crash."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from tests.broken_wire import Wire
from tests.integration.indexer.weather import OwnDatabase, own_database


class Place(Protocol):
    """`direct` is the database as it is now; daemons reach it by `wire`, whose port stays the same."""

    @property
    def direct(self) -> str: ...

    @property
    def wire(self) -> Wire: ...


class SharedPlace:
    """A database of a server that other histories use too."""

    def __init__(self, dsn: str, wire: Wire) -> None:
        self.direct, self.wire = dsn, wire


@asynccontextmanager
async def shared_place(dsn: str) -> AsyncIterator[Place]:
    port = urlsplit(dsn).port
    assert port is not None
    async with Wire(port) as wire:
        yield SharedPlace(dsn, wire)


@asynccontextmanager
async def own_place(folder: Path) -> AsyncIterator[OwnDatabase]:
    async with own_database(folder) as own:
        yield own


def dsn_by_wire(place: Place) -> str:
    port = urlsplit(place.direct).port
    return place.direct.replace(f":{port}/", f":{place.wire.port}/")
