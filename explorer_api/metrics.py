"""What Prometheus may ask of the explorer; names and meanings are listed in docs/operations.md."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class HttpMetrics:
    """Every metric of one process."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = CollectorRegistry() if registry is None else registry
        self._requests = Counter(
            "pend_explorer_requests",
            "Answered requests, by route, status and where the answer came from.",
            ["route", "status", "source"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "pend_explorer_request_duration_seconds",
            "Seconds from the first byte of a request to the last of its answer.",
            ["route"],
            buckets=_BUCKETS_S,
            registry=self.registry,
        )
        self.sequence = Gauge(
            "pend_explorer_outbox_sequence", "Last row of the outbox heard.", registry=self.registry
        )
        self._children: dict[tuple[str, int, str], Counter] = {}
        self._timers: dict[str, Histogram] = {}
        ProcessCollector(registry=self.registry)

    def observe(self, route: str, status: int, source: str, seconds: float) -> None:
        """One request was answered. `route` is the template, so that labels stay few."""
        child = self._children.get((route, status, source))
        if child is None:
            child = self._children[route, status, source] = self._requests.labels(route, status, source)
        child.inc()
        timer = self._timers.get(route)
        if timer is None:
            timer = self._timers[route] = self._seconds.labels(route)
        timer.observe(seconds)
