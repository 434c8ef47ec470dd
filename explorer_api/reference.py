"""Writes the tables of docs/api.md from the code: settings, metrics.

`python -m explorer_api.reference docs/api.md` renews them in place; a test fails when they are stale.
"""

from explorer_api.metrics import explorer_metrics
from explorer_api.settings import ExplorerSettings
from service.commands.reference import metrics_table, renew, settings_table


def tables() -> dict[str, str]:
    """Every generated table by the name of its place in the page."""
    return {
        "settings": settings_table(ExplorerSettings),
        "metrics": metrics_table(explorer_metrics().registry),
    }


if __name__ == "__main__":
    renew(tables())
