"""Writes the tables of docs/write-api.md from the code: settings, metrics.

`python -m write_api.reference docs/write-api.md` renews them in place; a test fails when they are stale.
"""

from service.commands.reference import metrics_table, renew, settings_table
from write_api.metrics import write_metrics
from write_api.settings import WriteSettings


def tables() -> dict[str, str]:
    """Every generated table by the name of its place in the page."""
    return {
        "settings": settings_table(WriteSettings),
        "metrics": metrics_table(write_metrics().registry),
    }


if __name__ == "__main__":
    renew(tables())
