"""An outage of the node or the database is waited out, said and counted, by each stage for itself."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import structlog

from indexer.errors import Retryable, database_kind
from indexer.metrics import IndexerMetrics
from indexer.stages import Stage
from node.errors import NodeRetryable
from postgres import errors as database_errors

T = TypeVar("T")

log = structlog.get_logger(__name__)

BACKOFF_MIN_S, BACKOFF_MAX_S = 0.2, 5.0
_BACKOFF_RESET_S = 30.0
_DATABASE_OUTAGES = (
    database_errors.Unavailable,
    database_errors.DiskFull,
    database_errors.OutOfResources,
    database_errors.StatementTimeout,
)


@dataclass(slots=True)
class Outages:
    """Which stages of one daemon wait for what."""

    stages: Mapping[str, Stage]
    metrics: IndexerMetrics
    _database_away: set[str] = field(default_factory=set)

    async def wait_out(self, stage: str, step: Callable[[], Awaitable[T]]) -> T:
        """Repeat `step` while it ends in an outage, waiting longer each time and saying why."""
        delay = BACKOFF_MIN_S
        while True:
            started = asyncio.get_running_loop().time()
            try:
                return await step()
            except (NodeRetryable, database_errors.Retryable, Retryable) as error:
                if asyncio.get_running_loop().time() - started > _BACKOFF_RESET_S:
                    delay = BACKOFF_MIN_S
                self.stages[stage].progressed(rests_s=delay)
                if isinstance(error, NodeRetryable):
                    self.metrics.node_up(up=False)
                elif isinstance(error, database_errors.Retryable):
                    self._database_fails(stage, error)
                log.warning("waiting", task=stage, reason=str(error), retry_in_s=delay)
                await asyncio.sleep(delay)
                delay = min(2 * delay, BACKOFF_MAX_S)

    def database_answers(self, stage: str) -> None:
        self._database_away.discard(stage)
        self.metrics.database_up(up=not self._database_away)

    def _database_fails(self, stage: str, error: database_errors.Retryable) -> None:
        """One stage that the database refuses is enough: a standby still answers those that only read."""
        self.metrics.database_failed(database_kind(error))
        if isinstance(error, _DATABASE_OUTAGES):
            self._database_away.add(stage)
        self.metrics.database_up(up=not self._database_away)
