"""What Prometheus may ask of an HTTP program: its requests, and gauges of its own.

Counting a request is a look into two dictionaries: the client library's own counters would cost as much as
the rest of the edge. Several worker processes leave their figures in one folder, and each tells of all.
"""

import asyncio
import os
import secrets
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

import msgspec
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

MEDIA_TYPE = CONTENT_TYPE_LATEST
FOLDER_VARIABLE = "HTTP_METRICS_FOLDER"
"""Set by the server for its workers: where they leave their figures for one another."""

_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_EVERY_S = 1.0

Gauge: TypeAlias = tuple[str, Callable[[Iterable[float]], float]]
"""What a gauge says, and what of several workers is said."""


def folder() -> Path | None:
    """Where workers of one server leave their figures; None for one that is alone."""
    given = os.environ.get(FOLDER_VARIABLE)
    return Path(given) if given else None


class _Figures(msgspec.Struct):
    pid: int
    requests: dict[tuple[str, int, str], int]
    seconds: dict[str, list[float]]
    """By route: how many in each bucket, how many above all, and the sum of seconds."""
    gauges: dict[str, float]


class HttpMetrics(Collector):
    """Every metric of one process, and of those that share its folder. Names begin with `prefix`.

    `gauges` are there by whole name, beside that of the worker processes, which every program has.
    """

    def __init__(self, prefix: str, gauges: Mapping[str, Gauge], folder: Path | None = None) -> None:
        self._prefix = prefix
        workers = f"{prefix}_workers"
        self._gauges: dict[str, Gauge] = {workers: ("Worker processes that run.", sum), **gauges}
        self._folder = folder
        self.file = None if folder is None else folder / f"{os.getpid()}-{secrets.token_hex(4)}"
        self._requests: dict[tuple[str, int, str], int] = {}
        self._seconds: dict[str, list[float]] = {}
        self.sources: dict[str, Callable[[], float]] = {workers: lambda: 1}
        """Where the gauges are read, by name; one without a source is not told."""
        self.registry = CollectorRegistry()
        self.registry.register(self)
        if folder is None:  # what is said of one process would be taken for all
            ProcessCollector(registry=self.registry)

    def observe(self, route: str, status: int, source: str, seconds: float) -> None:
        """One request was answered. `route` is the template, so that labels stay few."""
        key = (route, status, source)
        requests = self._requests
        requests[key] = requests.get(key, 0) + 1
        counts = self._seconds.get(route)
        if counts is None:
            counts = self._seconds[route] = [0] * (len(_BUCKETS_S) + 2)
        counts[bisect_left(_BUCKETS_S, seconds)] += 1
        counts[-1] += seconds

    def exposition(self) -> bytes:
        """As Prometheus reads it."""
        return generate_latest(self.registry)

    async def run(self) -> None:
        """Leave the figures for the other workers, again and again; ends at once where there are none."""
        if self.file is None:
            return
        try:
            while True:
                self.leave(alive=True)
                await asyncio.sleep(_EVERY_S)
        finally:
            self.leave(alive=False)

    def leave(self, *, alive: bool) -> None:
        """What was counted stays when a worker ends; what it has now goes with it."""
        if self.file is None:
            return
        written = self.file.with_suffix(".part")
        with suppress(OSError):  # a full disk: the others tell of what was there before
            written.write_bytes(msgspec.msgpack.encode(self._own(alive=alive)))
            written.replace(self.file)

    def collect(self) -> Iterator[Metric]:
        everyone = list(self._everyone())
        requests = CounterMetricFamily(
            f"{self._prefix}_requests",
            "Answered requests, by route, status and where the answer came from.",
            labels=("route", "status", "source"),
        )
        for (route, status, source), count in sorted(_summed(each.requests for each in everyone).items()):
            requests.add_metric((route, str(status), source), count)
        yield requests
        seconds = HistogramMetricFamily(
            f"{self._prefix}_request_duration_seconds",
            "Seconds from the first byte of a request to the last of its answer.",
            labels=("route",),
        )
        for route in sorted({route for each in everyone for route in each.seconds}):
            counts = [
                sum(of)
                for of in zip(*(e.seconds[route] for e in everyone if route in e.seconds), strict=True)
            ]
            seconds.add_metric((route,), _cumulative(counts), sum_value=counts[-1])
        yield seconds
        for name, (meaning, merged) in self._gauges.items():
            gauge = GaugeMetricFamily(name, meaning)
            values = [each.gauges[name] for each in everyone if name in each.gauges]
            if values:
                gauge.add_metric((), merged(values))
            yield gauge

    def _own(self, *, alive: bool) -> _Figures:
        gauges = {name: float(read()) for name, read in self.sources.items()} if alive else {}
        return _Figures(os.getpid(), self._requests, self._seconds, gauges)

    def _everyone(self) -> Iterator[_Figures]:
        yield self._own(alive=True)
        for path in [] if self._folder is None else sorted(self._folder.iterdir()):
            if path == self.file or path.suffix:
                continue
            figures = msgspec.msgpack.decode(path.read_bytes(), type=_Figures)
            if not Path(f"/proc/{figures.pid}").exists():  # it was killed
                figures.gauges = {}
            yield figures


def _summed(counts: Iterable[dict[tuple[str, int, str], int]]) -> dict[tuple[str, int, str], int]:
    total: dict[tuple[str, int, str], int] = {}
    for each in counts:
        for key, count in each.items():
            total[key] = total.get(key, 0) + count
    return total


def _cumulative(counts: list[float]) -> list[tuple[str, float]]:
    rows, total = [], 0.0
    for bound, count in zip((*map(float, _BUCKETS_S), float("inf")), counts[:-1], strict=True):
        total += count
        rows.append(("+Inf" if bound == float("inf") else str(bound), total))
    return rows
