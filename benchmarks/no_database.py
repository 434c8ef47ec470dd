"""The explorer with everything but PostgreSQL: each query is answered once, then with the same row again."""

from typing import Any

import asyncpg

import explorer_api.app
from explorer_api import serving
from explorer_api.settings import ExplorerSettings
from postgres.queries import Query
from postgres.reader import Reader
from service.settings import load

_rows: dict[str, asyncpg.Record | None] = {}


class SameRow(Reader):
    """Reads each query once."""

    async def one(self, query: Query, *arguments: Any) -> asyncpg.Record | None:
        if query.name not in _rows:
            _rows[query.name] = await super().one(query, *arguments)
        return _rows[query.name]


def application() -> Any:
    explorer_api.app.Reader = SameRow  # type: ignore[misc]
    return serving.application()


def main() -> None:
    settings = load(ExplorerSettings).settings
    serving.serve(settings, "benchmarks.no_database:application")


if __name__ == "__main__":
    main()
