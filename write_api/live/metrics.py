"""What Prometheus may ask of the panel; names and meanings are listed in docs/write-api.md."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector


class LiveMetrics:
    """Every metric of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.connections = Gauge(
            "pend_write_live_connections", "Open connections, by kind.", ["kind"], registry=self.registry
        )
        self.refused = Counter(
            "pend_write_live_refused",
            "Connections not accepted, by status.",
            ["status"],
            registry=self.registry,
        )
        self.ended = Counter(
            "pend_write_live_ended",
            "Connections ended from here, by reason.",
            ["reason"],
            registry=self.registry,
        )
        self.events = Counter(
            "pend_write_live_events",
            "Events of clients, by name and status of the answer.",
            ["event", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "pend_write_live_event_seconds",
            "Seconds until an event was answered.",
            registry=self.registry,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 10),
        )
        self.redis_up = Gauge(
            "pend_write_live_redis_up",
            "1 while the other processes are heard by way of Redis, 0 while not.",
            registry=self.registry,
        )
        ProcessCollector(registry=self.registry)
