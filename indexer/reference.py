"""Writes the tables of docs/operations.md from the code: settings, exit codes, metrics.

`python -m indexer.reference docs/operations.md` renews them in place; a test fails when they are stale.
"""

from indexer.errors import EXIT_CODES
from indexer.metrics import IndexerMetrics
from indexer.settings import IndexerSettings
from service.commands.reference import metrics_table, renew, settings_table, table


def tables() -> dict[str, str]:
    """Every generated table by the name of its place in the page."""
    return {
        "settings": settings_table(IndexerSettings),
        "exit-codes": table(("code", "meaning"), [(str(code), said) for code, said in EXIT_CODES.items()]),
        "metrics": metrics_table(IndexerMetrics().registry),
    }


if __name__ == "__main__":
    renew(tables())
