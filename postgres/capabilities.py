"""Which of the three homes a database is, asked once; migrations and code branch on the answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from postgres.connections import Connection
from postgres.queries import load

queries = load("postgres")

COMMUNITY_LICENSE = "timescale"


class Home(StrEnum):
    """Same names and same answers in each; they differ in chunks, columnstore and policies."""

    PLAIN = "plain"
    TIMESCALE_APACHE = "timescale-apache"
    TIMESCALE_COMMUNITY = "timescale-community"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the server offers and what this database uses of it."""

    home: Home
    server_version: int
    timescale_version: str | None
    timescale_available: str | None
    hypertables: tuple[str, ...]
    max_locks_per_transaction: int
    max_connections: int

    @property
    def can_columnstore(self) -> bool:
        return self.home is Home.TIMESCALE_COMMUNITY

    @property
    def is_convertible(self) -> bool:
        """TimescaleDB is at hand and the facts are still plain tables."""
        return self.home is Home.PLAIN and self.timescale_available is not None


async def detect(connection: Connection) -> Capabilities:
    """Ask a connection. Works before the first migration and for every role."""
    server = await queries.select_server.one(connection)
    assert server is not None
    hypertables: Sequence[str] = ()
    if server["timescale_version"] is not None:
        hypertables = [row["fact"] for row in await queries.select_hypertables.many(connection)]
    return from_rows(dict(server), hypertables)


def from_rows(server: Mapping[str, Any], hypertables: Sequence[str]) -> Capabilities:
    """The same answer from rows that another driver fetched."""
    return Capabilities(
        home=_home(server, hypertables),
        server_version=server["server_version"],
        timescale_version=server["timescale_version"],
        timescale_available=server["timescale_available"] if server["timescale_preloaded"] else None,
        hypertables=tuple(hypertables),
        max_locks_per_transaction=server["max_locks_per_transaction"],
        max_connections=server["max_connections"],
    )


def _home(server: Mapping[str, Any], hypertables: Sequence[str]) -> Home:
    # The extension may be there while the facts are plain: an image that installs it everywhere,
    # or a database older than the extension. What counts is how the facts are stored.
    partitioned = "chain.blocks" in hypertables or not server["has_facts"]
    if server["timescale_version"] is None or not partitioned:
        return Home.PLAIN
    if server["timescale_license"] == COMMUNITY_LICENSE:
        return Home.TIMESCALE_COMMUNITY
    return Home.TIMESCALE_APACHE
