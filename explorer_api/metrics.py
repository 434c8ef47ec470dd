"""What Prometheus may ask of the explorer; names and meanings are listed in docs/api.md."""

from collections.abc import Mapping
from pathlib import Path

from service.http.metrics import Gauge, HttpMetrics

GAUGES: Mapping[str, Gauge] = {
    "pend_explorer_outbox_sequence": ("Last row of the outbox heard; of several workers the lowest.", min),
    "pend_explorer_local_cache_bytes": ("Bytes of answers kept in memory.", sum),
    "pend_explorer_local_cache_entries": ("Answers kept in memory.", sum),
    "pend_explorer_clients": ("Clients seen lately.", sum),
    "pend_explorer_redis_up": ("1 while Redis answers, 0 while it does not or none is set.", min),
    "pend_explorer_limits_shared": ("1 while limits hold in all processes, 0 while in each alone.", min),
    "pend_explorer_database_connections_busy": ("Database connections in use.", sum),
}


def explorer_metrics(folder: Path | None = None) -> HttpMetrics:
    """Those of one process, and of the workers that share its folder."""
    return HttpMetrics("pend_explorer", GAUGES, folder)
