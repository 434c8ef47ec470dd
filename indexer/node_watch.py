"""Says when a node endpoint goes away and when it is back, and passes everything on to the metrics."""

from collections.abc import Callable

import structlog

from indexer.metrics import IndexerMetrics
from node.observer import HeadSource

log = structlog.get_logger(__name__)

_AWAY = frozenset({"unreachable", "timeout", "refused", "access_denied"})


class NodeWatch:
    """The daemon's observer: one log line per change of an endpoint, none per request."""

    def __init__(
        self,
        metrics: IndexerMetrics,
        *,
        on_outage: Callable[[float], None] = lambda _wait_s: None,
    ) -> None:
        """`on_outage` hears that no endpoint serves what is asked.

        It is told the seconds until it is asked again: with every endpoint shut, many.
        """
        self._metrics = metrics
        self._on_outage = on_outage
        self._up: dict[str, bool] = {}

    def on_request(self, endpoint: str, method: str, seconds: float, error_kind: str | None) -> None:
        self._metrics.on_request(endpoint, method, seconds, error_kind)
        up = error_kind not in _AWAY
        if not (up or any(each for other, each in self._up.items() if other != endpoint)):
            self._on_outage(0.0)
        if self._up.get(endpoint) is up:
            return
        known_before = endpoint in self._up
        self._up[endpoint] = up
        self._metrics.node_up(up=any(self._up.values()))
        if not up:
            log.warning("node is away; waiting for it", endpoint=endpoint, kind=error_kind)
        elif known_before:
            log.info("node answers again", endpoint=endpoint)

    def on_retry(self, method: str, error_kind: str, wait_s: float) -> None:
        self._metrics.on_retry(method, error_kind, wait_s)
        if wait_s > 0 and method != "eth_subscribe":  # 0: asked of the next endpoint at once
            self._on_outage(wait_s)

    def on_inconsistent(self, kind: str) -> None:
        self._metrics.on_inconsistent(kind)
        log.warning("node answers disagree; asking again", kind=kind)

    def on_set_aside(self, endpoint: str, reason: str) -> None:
        self._metrics.on_set_aside(endpoint, reason)
        log.warning("endpoint set aside", endpoint=endpoint, reason=reason)

    def on_disagreement(self, number: int) -> None:
        self._metrics.on_disagreement(number)
        log.error("endpoints disagree about a block", number=number)

    def on_head_source(self, source: HeadSource) -> None:
        self._metrics.on_head_source(source)
        log.info("heads come by", source=source)
