"""The queries of one service, loaded from sql/<service>/*.sql and served by name.

A query is a header `-- name: select_head :one`, one line of purpose, one of parameters, and native
PostgreSQL (`$1::bigint`), so that psql and EXPLAIN take it as it stands.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import asyncpg

import sql
from postgres.connections import Connection

HEADER = re.compile(r"^-- name: (?P<name>[a-z][a-z0-9_]*) :(?P<kind>[a-z]+)$", re.MULTILINE)


class Kind(StrEnum):
    """What a query answers: a row or none, rows, the first column of a row, nothing."""

    ONE = "one"
    MANY = "many"
    VALUE = "value"
    EXEC = "exec"


class QueryFileMalformed(ValueError):
    """A file in sql/ breaks the format above."""

    def __init__(self, path: Path, fault: str) -> None:
        super().__init__(f"{path}: {fault}")
        self.path = path
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Query:
    """One named statement. The method called must be the kind its header declares."""

    name: str
    kind: Kind
    purpose: str
    parameters: str
    sql: str

    async def one(self, connection: Connection, *arguments: Any) -> asyncpg.Record | None:
        self._expect(Kind.ONE)
        return await connection.fetchrow(self.sql, *arguments)

    async def many(self, connection: Connection, *arguments: Any) -> list[asyncpg.Record]:
        self._expect(Kind.MANY)
        return await connection.fetch(self.sql, *arguments)

    async def value(self, connection: Connection, *arguments: Any) -> Any:
        self._expect(Kind.VALUE)
        return await connection.fetchval(self.sql, *arguments)

    async def exec(self, connection: Connection, *arguments: Any) -> str:
        """Run it; PostgreSQL's command tag, such as `DELETE 3`."""
        self._expect(Kind.EXEC)
        return await connection.execute(self.sql, *arguments)

    def expect(self, kind: Kind) -> "Query":
        """Itself, if that is its kind."""
        self._expect(kind)
        return self

    def _expect(self, kind: Kind) -> None:
        if self.kind is not kind:
            raise TypeError(f"query {self.name} is :{self.kind}, called as :{kind}")


class Queries:
    """A service's queries as attributes; an unknown name is an AttributeError that lists what there is."""

    def __init__(self, service: str, queries: Mapping[str, Query]) -> None:
        self._service = service
        self._queries = dict(queries)

    def __getattr__(self, name: str) -> Query:
        try:
            return self._queries[name]
        except KeyError:
            known = ", ".join(sorted(self._queries))
            raise AttributeError(f"sql/{self._service} has no query {name}; it has {known}") from None

    def __iter__(self) -> Iterator[Query]:
        return iter(self._queries.values())


def load(service: str) -> Queries:
    """Read sql/<service>. Raises `QueryFileMalformed` for a header that says less than it must."""
    folder = sql.FOLDER / service
    queries: dict[str, Query] = {}
    for path in sorted(folder.glob("*.sql")):
        for query in parse(path, path.read_text(encoding="utf-8")):
            if query.name in queries:
                raise QueryFileMalformed(path, f"query {query.name} is defined twice in sql/{service}")
            queries[query.name] = query
    if not queries:
        raise QueryFileMalformed(folder, "no queries here")
    return Queries(service, queries)


def parse(path: Path, text: str) -> Iterator[Query]:
    """The queries of one file, in its order."""
    headers = list(HEADER.finditer(text))
    if not headers or text[: headers[0].start()].strip():
        raise QueryFileMalformed(path, "must begin with `-- name: <name> :<kind>`")
    ends = [*(header.start() for header in headers[1:]), len(text)]
    for header, end in zip(headers, ends, strict=True):
        name, kind = header["name"], header["kind"]
        if kind not in set(Kind):
            raise QueryFileMalformed(path, f"query {name} is :{kind}; known are {', '.join(Kind)}")
        purpose, parameters, *body = [*text[header.end() : end].strip().splitlines(), "", ""]
        if not (purpose.startswith("-- ") and parameters.startswith("-- ")):
            raise QueryFileMalformed(path, f"query {name} needs one line of purpose and one of parameters")
        statement = "\n".join(body).strip().removesuffix(";")
        if not statement:
            raise QueryFileMalformed(path, f"query {name} has no statement")
        yield Query(name, Kind(kind), purpose[3:], parameters[3:], statement)
