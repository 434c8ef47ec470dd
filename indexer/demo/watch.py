"""What the demo shows, read as any operator could: SQL for what is stored, /metrics for the head."""

import math
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import psycopg
from prometheus_client.parser import text_string_to_metric_families
from psycopg.rows import dict_row

from indexer.demo.loopback import LoopbackFailed, get
from indexer.demo.processes import DemoFailed
from postgres.queries import load

_RATE_WINDOW_S = 10.0
queries = load("demo")


@dataclass(frozen=True, slots=True)
class Observation:
    """None where nothing is known yet: no table, no block, no daemon."""

    head: int | None = None
    indexed: int | None = None
    lag_blocks: int | None = None
    lag_s: float | None = None
    blocks: int = 0
    transactions: int = 0
    logs: int = 0
    derived: int | None = None
    token_transfers: int = 0
    holders: int = 0
    addresses: int = 0
    reorgs: int = 0
    orphaned: int = 0
    quarantined: int = 0
    blocks_per_s: float = 0.0
    transactions_per_s: float = 0.0
    by_websocket: bool | None = None
    inconsistent_answers: int = 0


@dataclass(slots=True)
class Watch:
    """Looks at one database and one daemon; both may come later and the daemon may go."""

    metrics_url: str | None = None
    _session: psycopg.Connection[dict[str, Any]] | None = None
    _samples: deque[tuple[float, int, int]] = field(default_factory=deque)
    _reorgs_told: int = 0

    def open(self, dsn: str) -> None:
        self._session = psycopg.connect(
            dsn, autocommit=True, row_factory=dict_row, application_name="pend-demo"
        )

    @property
    def is_open(self) -> bool:
        return self._session is not None

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def forget_rate(self) -> None:
        """The rate of what comes from now on."""
        self._samples.clear()

    def look(self) -> Observation:
        """How things are now, in the open database."""
        (row,) = self._select(queries.select_rows.sql)
        now = time.monotonic()
        self._samples.append((now, row["blocks"], row["transactions"]))
        while len(self._samples) > 2 and self._samples[1][0] <= now - _RATE_WINDOW_S:
            self._samples.popleft()
        metrics = self._metrics()
        lag = metrics.get("pend_indexer_lag_blocks")
        head = metrics.get("pend_indexer_head_block")
        subscribed = metrics.get("pend_indexer_head_subscription_up")
        return Observation(
            **row,
            head=None if head is None else int(head),
            lag_blocks=None if lag is None else int(lag),
            lag_s=metrics.get("pend_indexer_lag_seconds"),
            blocks_per_s=self._rate(1),
            transactions_per_s=self._rate(2),
            by_websocket=None if subscribed is None else subscribed == 1,
            inconsistent_answers=int(metrics.get("pend_indexer_inconsistent_answers_total", 0)),
        )

    def new_reorgs(self) -> list[str]:
        """The replaced branches that were not told yet, as sentences."""
        rows = self._select(queries.select_reorgs.sql)[self._reorgs_told :]
        self._reorgs_told += len(rows)
        return [
            f"reorg: {row['depth']} block(s) above {row['ancestor_number']:,} replaced by "
            f"{row['new_head_number'] - row['ancestor_number']}, "
            f"{row['transactions_removed']:,} transactions removed with them"
            for row in rows
        ]

    def _select(self, statement: str) -> list[dict[str, Any]]:
        assert self._session is not None
        try:
            # The text comes from sql/demo.
            return self._session.execute(statement.encode()).fetchall()
        except psycopg.OperationalError as error:
            raise DemoFailed(f"PostgreSQL is gone: {error}") from error

    def _metrics(self) -> dict[str, float]:
        """Every gauge and counter with a number, labels summed; empty while no daemon answers."""
        if self.metrics_url is None:
            return {}
        try:
            text = get(self.metrics_url)
        except LoopbackFailed:
            return {}
        values: dict[str, float] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if not math.isnan(sample.value):
                    values[sample.name] = values.get(sample.name, 0.0) + sample.value
        return values

    def _rate(self, column: int) -> float:
        first, last = self._samples[0], self._samples[-1]
        seconds = last[0] - first[0]
        return max(0.0, (last[column] - first[column]) / seconds) if seconds > 0 else 0.0
