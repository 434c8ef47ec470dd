"""What Prometheus may ask of the write API; names and meanings are listed in docs/write-api.md."""

from collections.abc import Mapping
from pathlib import Path

from service.http.metrics import Gauge, HttpMetrics

GAUGES: Mapping[str, Gauge] = {
    "pend_write_redis_up": ("1 while Redis answers, 0 while it does not or none is set.", min),
    "pend_write_limits_shared": ("1 while limits hold in all processes, 0 while in each alone.", min),
    "pend_write_database_connections_busy": ("Database connections in use.", sum),
}


def write_metrics(folder: Path | None = None) -> HttpMetrics:
    """Those of one process, and of the workers that share its folder."""
    return HttpMetrics("pend_write", GAUGES, folder)
