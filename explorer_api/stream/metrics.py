"""What Prometheus may ask of a stream; names and meanings are listed in docs/operations.md."""

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector


class StreamMetrics:
    """Every metric of one process."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = CollectorRegistry() if registry is None else registry
        self.connections = Gauge(
            "pend_stream_connections", "Open connections, by kind.", ["kind"], registry=self.registry
        )
        self.ended = Counter(
            "pend_stream_ended", "Connections ended from here, by reason.", ["reason"], registry=self.registry
        )
        self.refused = Counter("pend_stream_refused", "Connections not accepted.", registry=self.registry)
        self.sequence = Gauge(
            "pend_stream_outbox_sequence", "Last row of the outbox told.", registry=self.registry
        )
        ProcessCollector(registry=self.registry)
