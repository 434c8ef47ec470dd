"""PURE. What the metrics say of requests, route by route."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from prometheus_client.core import Metric

from write_api.answers.overview import RouteFigures

_QUANTILE = 0.99


@dataclass(slots=True)
class _Counts:
    requests: int = 0
    refused: int = 0
    failed: int = 0
    timed: float = 0.0
    seconds: float = 0.0
    buckets: list[tuple[float, float]] = field(default_factory=list)
    """Upper bounds in seconds, and how many were as fast."""


def route_figures(families: Iterable[Metric]) -> list[RouteFigures]:
    """Of the families that `HttpMetrics.collect` gives."""
    found: dict[str, _Counts] = {}
    for family in families:
        for sample in family.samples:
            route = sample.labels.get("route")
            if route is None:
                continue
            counts = found.setdefault(route, _Counts())
            if sample.name.endswith("_requests_total"):
                status = int(sample.labels["status"])
                counts.requests += int(sample.value)
                counts.refused += int(sample.value) if 400 <= status < 500 else 0
                counts.failed += int(sample.value) if status >= 500 else 0
            elif sample.name.endswith("_bucket"):
                counts.buckets.append((float(sample.labels["le"]), sample.value))
            elif sample.name.endswith("_sum"):
                counts.seconds += sample.value
            elif sample.name.endswith("_count"):
                counts.timed += sample.value
    busiest = sorted(found.items(), key=lambda each: (-each[1].requests, each[0]))
    return [_figures(route, counts) for route, counts in busiest]


def _figures(route: str, counts: _Counts) -> RouteFigures:
    mean = counts.seconds / counts.timed if counts.timed else 0.0
    wanted = counts.timed * _QUANTILE
    bound = next((le for le, count in sorted(counts.buckets) if count >= wanted), None)
    slowest = None if bound is None or bound == float("inf") else bound * 1e3
    return RouteFigures(route, counts.requests, counts.refused, counts.failed, mean * 1e3, slowest)
