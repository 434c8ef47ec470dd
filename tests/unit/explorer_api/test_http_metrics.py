"""What a process counts, and how several tell of one another."""

import os
from pathlib import Path

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from explorer_api.metrics import explorer_metrics
from service.http.metrics import HttpMetrics

ROUTE = "/api/v1/blocks"


def _told(metrics: HttpMetrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics.exposition().decode())
        for sample in family.samples
    }


def test_requests_are_counted_by_route_status_and_source() -> None:
    metrics = explorer_metrics()
    for status, source in ((200, "local"), (200, "local"), (200, "redis"), (404, "database")):
        metrics.observe(ROUTE, status, source, 0.003)
    told = _told(metrics)
    name = "pend_explorer_requests_total"
    counts = {
        labels[2][1] + " " + labels[1][1]: count for (each, labels), count in told.items() if each == name
    }
    assert counts == {"200 local": 2, "200 redis": 1, "404 database": 1}


def test_durations_fall_into_every_bucket_above_them() -> None:
    metrics = explorer_metrics()
    for seconds in (0.0005, 0.0006, 0.2, 60.0):
        metrics.observe(ROUTE, 200, "local", seconds)
    told = _told(metrics)
    name = "pend_explorer_request_duration_seconds"
    below = {dict(labels)["le"]: count for (each, labels), count in told.items() if each == f"{name}_bucket"}
    assert (below["0.0005"], below["0.001"], below["0.25"], below["10.0"], below["+Inf"]) == (1, 2, 3, 3, 4)
    assert told[f"{name}_count", (("route", ROUTE),)] == 4
    assert abs(told[f"{name}_sum", (("route", ROUTE),)] - 60.2011) < 1e-9


def test_workers_tell_of_one_another(tmp_path: Path) -> None:
    first, second, gone, killed = (explorer_metrics(tmp_path) for _ in range(4))
    for number, metrics in enumerate((first, second, gone, killed), start=1):
        for _ in range(number):
            metrics.observe(ROUTE, 200, "local", 0.001)
        metrics.sources["pend_explorer_outbox_sequence"] = lambda number=number: 10 * number  # type: ignore[misc]
        metrics.sources["pend_explorer_local_cache_bytes"] = lambda number=number: number  # type: ignore[misc]
        metrics.leave(alive=metrics is not gone)
    _kill(tmp_path, killed)
    told = _told(second)
    labels = (("route", ROUTE), ("source", "local"), ("status", "200"))
    assert told["pend_explorer_requests_total", labels] == 10  # of those that have ended too
    assert told["pend_explorer_workers", ()] == 2
    assert told["pend_explorer_outbox_sequence", ()] == 10
    assert told["pend_explorer_local_cache_bytes", ()] == 3
    assert told["pend_explorer_request_duration_seconds_count", (("route", ROUTE),)] == 10


def _kill(folder: Path, metrics: HttpMetrics) -> None:
    """Let what it left be of a process that is not there any more."""
    (path,) = [each for each in folder.iterdir() if each == metrics.file]
    figures = msgspec.msgpack.decode(path.read_bytes())
    assert figures["pid"] == os.getpid()
    path.write_bytes(msgspec.msgpack.encode(figures | {"pid": 2**22 + 1}))


def test_gauge_without_a_source_has_no_value() -> None:
    told = _told(explorer_metrics())
    assert ("pend_explorer_workers", ()) in told
    assert ("pend_explorer_clients", ()) not in told
