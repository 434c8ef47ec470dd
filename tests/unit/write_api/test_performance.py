"""Figures of routes out of the metrics that Prometheus reads."""

from service.http.metrics import HttpMetrics
from write_api.performance import route_figures


def test_routes_are_told_with_refusals_failures_mean_and_the_bound_of_the_99th_percentile() -> None:
    metrics = HttpMetrics("pend_write", {})
    for _ in range(98):
        metrics.observe("/a", 200, "database", 0.002)
    metrics.observe("/a", 404, "database", 0.02)
    metrics.observe("/a", 503, "database", 0.4)
    metrics.observe("/b", 200, "database", 11.0)
    busiest, slow = route_figures(metrics.collect())
    assert (busiest.route, busiest.requests, busiest.refused, busiest.failed) == ("/a", 100, 1, 1)
    assert busiest.p99_ms_max == 25.0
    assert abs(busiest.mean_ms - 6.16) < 1e-9
    assert (slow.route, slow.requests, slow.p99_ms_max) == ("/b", 1, None)


def test_nothing_asked_is_nothing_told() -> None:
    assert route_figures(HttpMetrics("pend_write", {}).collect()) == []
