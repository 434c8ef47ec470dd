"""What Prometheus may ask of the indexer. Base units; endpoints appear as host only, never as URL.

Names and meanings are listed in docs/operations.md; a test holds the list complete.
A gauge that is not known yet is NaN, so that no alert mistakes it for a number.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from platform import python_version
from urllib.parse import urlsplit

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    start_http_server,
)

from indexer.errors import MetricsUnavailable
from node.observer import HeadSource

_COMMIT_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_RPC_BUCKETS_S = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_DEPTH_BUCKETS_BLOCKS = (1, 2, 3, 5, 8, 16, 32, 64, 128)


class IndexerMetrics:
    """Every metric of one process; implements `node.observer.NodeObserver`."""

    def __init__(
        self, registry: CollectorRegistry | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.registry = CollectorRegistry() if registry is None else registry
        self._clock = clock
        # Before the first commit the time since the start counts: an indexer stuck from birth must alarm too.
        self._last_commit_at = clock()
        self._head: tuple[int, int] | None = None
        self._indexed: tuple[int, int] | None = None
        self._chain_gauges()
        self._stored()
        self._rpc()
        self._state_gauges()
        ProcessCollector(registry=self.registry)
        build = Info("pend_indexer_build", "Version of the program and of Python.", registry=self.registry)
        build.info({"version": _version(), "python": python_version()})

    # What the daemon reports

    def head_seen(self, number: int, timestamp: int) -> None:
        """The node's newest block; the number may go back, a lagging node does that."""
        self._head = (number, timestamp)
        self._head_block.set(number)
        self._set_lag()

    def indexed_to(self, number: int, timestamp: int) -> None:
        """The highest block of the followed chain that is stored."""
        self._indexed = (number, timestamp)
        self._indexed_block.set(number)
        self._set_lag()

    def committed(self, *, blocks: int, transactions: int, logs: int, seconds: float) -> None:
        """One transaction of the writer has been committed."""
        self._last_commit_at = self._clock()
        self._blocks_stored.inc(blocks)
        self._transactions_stored.inc(transactions)
        self._logs_stored.inc(logs)
        self._commit_duration.observe(seconds)

    def reorged(self, depth: int) -> None:
        """A branch of `depth` blocks was replaced."""
        self._reorgs.inc()
        self._reorg_depth.observe(depth)

    def alarmed(self, kind: str) -> None:
        """The writer refuses to go on; `kind`: finality_violated, reorg_too_deep or endpoints_disagree."""
        self._alarms.labels(kind).inc()

    def queued(self, size_bytes: int) -> None:
        self._queue_bytes.set(size_bytes)

    def coverage(self, *, gaps: int, gap_blocks: int) -> None:
        """Ranges, and blocks in them, that are missing between the first and the last stored block."""
        self._coverage_gaps.set(gaps)
        self._coverage_gap_blocks.set(gap_blocks)

    def quarantined(self, blocks: int) -> None:
        self._quarantined_blocks.set(blocks)

    def head_poisoned(self, number: int | None) -> None:
        """The node's newest blocks cannot be stored, from `number` on; None: they can."""
        self._poison_head_block.set(math.nan if number is None else number)

    def restarted(self, stage: str) -> None:
        """A stage made no progress though it had work, and was begun again."""
        self._stage_restarts.labels(stage).inc()

    def verified_to(self, number: int | None) -> None:
        """All stored blocks up to `number` were recomputed from their rows; None: not one yet."""
        self._verified_block.set(math.nan if number is None else number)

    def derived_to(self, number: int | None) -> None:
        """Everything that is derived is complete up to `number`; None: nothing is derived."""
        self._derived_block.set(math.nan if number is None else number)

    def verify_stopped_at(self, number: int | None) -> None:
        """The watermark stands below block `number`, whose rows differ; None: it moves."""
        self._verify_difference_block.set(math.nan if number is None else number)

    def differed(self, differences: int) -> None:
        self._verify_differences.inc(differences)

    def database_failed(self, kind: str) -> None:
        """The database refused or did not answer; what was asked of it is asked again."""
        self._database_errors.labels(kind).inc()

    def node_up(self, up: bool) -> None:
        self._node_up.set(up)

    def database_up(self, up: bool) -> None:
        self._database_up.set(up)

    def redis_up(self, up: bool) -> None:
        self._redis_up.set(up)

    def relayed(self, sequence: int | None, newest: int) -> None:
        """Redis has the rows of the outbox up to `sequence` of `newest`; None: it knows of none."""
        self._relayed_sequence.set(math.nan if sequence is None else sequence)
        self._relay_lag_rows.set(math.nan if sequence is None else max(0, newest - sequence))

    # What the node client reports

    def on_request(self, endpoint: str, method: str, seconds: float, error_kind: str | None) -> None:
        host = endpoint_host(endpoint)
        self._rpc_duration.labels(host, method).observe(seconds)
        if error_kind is not None:
            self._rpc_errors.labels(host, error_kind).inc()

    def on_retry(self, method: str, error_kind: str, wait_s: float) -> None:  # noqa: ARG002
        self._rpc_retries.inc()

    def on_inconsistent(self, kind: str) -> None:
        self._inconsistent.labels(kind).inc()

    def on_head_source(self, source: HeadSource) -> None:
        self._head_subscription_up.set(source == "websocket")

    def on_set_aside(self, endpoint: str, reason: str) -> None:
        self._set_aside.labels(endpoint_host(endpoint), reason).inc()

    def on_disagreement(self, number: int) -> None:  # noqa: ARG002
        self._disagreements.inc()

    def _chain_gauges(self) -> None:
        self._head_block = self._gauge("head_block", "Number of the node's newest block.")
        self._indexed_block = self._gauge("indexed_block", "Highest stored block of the followed chain.")
        self._lag_blocks = self._gauge(
            "lag_blocks", "Blocks between the node's newest block and the stored one."
        )
        self._lag_seconds = self._gauge(
            "lag_seconds", "Block time between the node's newest block and the stored one."
        )
        since = self._gauge(
            "seconds_since_last_commit", "Seconds since the last commit, or since the start without one."
        )
        since.set_function(lambda: max(0.0, self._clock() - self._last_commit_at))

    def _stored(self) -> None:
        self._blocks_stored = self._counter("blocks_stored", "Blocks committed.")
        self._transactions_stored = self._counter("transactions_stored", "Transactions committed.")
        self._logs_stored = self._counter("logs_stored", "Logs committed.")
        self._commit_duration = Histogram(
            "pend_indexer_commit_duration_seconds",
            "Duration of the writer's transactions.",
            buckets=_COMMIT_BUCKETS_S,
            registry=self.registry,
        )
        self._reorgs = self._counter("reorgs", "Branches replaced.")
        self._reorg_depth = Histogram(
            "pend_indexer_reorg_depth_blocks",
            "Blocks rolled back per replaced branch.",
            buckets=_DEPTH_BUCKETS_BLOCKS,
            registry=self.registry,
        )
        self._stage_restarts = self._counter(
            "stage_restarts", "Stages begun again because they made no progress, by stage.", ["stage"]
        )
        self._verify_differences = self._counter(
            "verify_differences", "Differences that the verification in the background found."
        )
        self._database_errors = self._counter(
            "database_errors", "What the database refused and was asked again, by kind.", ["kind"]
        )
        self._alarms = self._counter("alarms", "Refusals to go on that need an operator, by kind.", ["kind"])

    def _rpc(self) -> None:
        self._rpc_duration = Histogram(
            "pend_indexer_rpc_request_duration_seconds",
            "Duration of JSON-RPC requests, by endpoint (host only) and method; a batch is one request.",
            ["endpoint", "method"],
            buckets=_RPC_BUCKETS_S,
            registry=self.registry,
        )
        self._rpc_errors = self._counter(
            "rpc_errors",
            "JSON-RPC requests that failed, by endpoint (host only) and kind.",
            ["endpoint", "kind"],
        )
        self._rpc_retries = self._counter("rpc_retries", "JSON-RPC operations tried again.")
        self._inconsistent = self._counter(
            "inconsistent_answers", "Answers whose parts disagreed and were not stored, by kind.", ["kind"]
        )
        self._set_aside = self._counter(
            "endpoints_set_aside",
            "Times that others were asked before an endpoint (host only), by reason.",
            ["endpoint", "reason"],
        )
        self._disagreements = self._counter(
            "node_disagreements", "Heights to which two endpoints gave different hashes."
        )
        self._head_subscription_up = self._gauge(
            "head_subscription_up", "1 while heads come by WebSocket, 0 by polling."
        )

    def _state_gauges(self) -> None:
        self._queue_bytes = self._gauge("queue_bytes", "Bytes of fetched blocks waiting to be written.", 0)
        self._coverage_gap_blocks = self._gauge(
            "coverage_gap_blocks", "Blocks missing below the stored head."
        )
        self._coverage_gaps = self._gauge("coverage_gaps", "Ranges of blocks missing below the stored head.")
        self._quarantined_blocks = self._gauge("quarantined_blocks", "Blocks set aside with a reason.")
        self._poison_head_block = self._gauge(
            "poison_head_block", "Block at the head that cannot be stored and is tried again; NaN when none."
        )
        self._derived_block = self._gauge(
            "derived_block", "Tokens, balances, addresses, events and so on are complete up to this block."
        )
        self._verified_block = self._gauge(
            "verified_block", "Every stored block up to this one was recomputed from its rows."
        )
        self._verify_difference_block = self._gauge(
            "verify_difference_block", "Block whose rows differ from what they should be; NaN when none."
        )
        self._node_up = self._gauge("node_up", "1 while the node answers.")
        self._database_up = self._gauge("database_up", "1 while the database does what it is asked.")
        self._redis_up = self._gauge("redis_up", "1 while Redis answers; NaN when none is configured.")
        self._relayed_sequence = self._gauge("relayed_sequence", "Last outbox row that Redis was told.")
        self._relay_lag_rows = self._gauge(
            "relay_lag_rows", "Rows of the outbox that Redis was not told yet; NaN when it was told none."
        )

    def _gauge(self, name: str, meaning: str, initial: float = math.nan) -> Gauge:
        gauge = Gauge(f"pend_indexer_{name}", meaning, registry=self.registry)
        gauge.set(initial)
        return gauge

    def _counter(self, name: str, meaning: str, labels: list[str] | None = None) -> Counter:
        return Counter(f"pend_indexer_{name}_total", meaning, labels or [], registry=self.registry)

    def _set_lag(self) -> None:
        if self._head is None or self._indexed is None:
            return
        self._lag_blocks.set(max(0, self._head[0] - self._indexed[0]))
        self._lag_seconds.set(max(0, self._head[1] - self._indexed[1]))


@contextmanager
def serve(metrics: IndexerMetrics, host: str, port: int) -> Iterator[int]:
    """Serves /metrics from a thread until the block ends; yields the port, chosen when `port` is 0."""
    try:
        server, thread = start_http_server(port, addr=host, registry=metrics.registry)
    except OSError as error:
        raise MetricsUnavailable(host, port, error.strerror or str(error)) from error
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def endpoint_host(endpoint: str) -> str:
    """The host (and port) of an endpoint; user, password, path and query are dropped."""
    parts = urlsplit(endpoint if "://" in endpoint else f"//{endpoint}")
    return parts.netloc.rpartition("@")[2] or "unknown"


def _version() -> str:
    try:
        return version("pend-indexer")
    except PackageNotFoundError:
        return "unknown"
