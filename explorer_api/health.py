"""How everything is that answers of the explorer depend on."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime

from explorer_api.answers.health import HealthReport, Part, Parts
from explorer_api.caching.shared import SharedCache
from explorer_api.metrics import explorer_metrics
from explorer_api.reading import Explorer, Row, queries
from node.client import NodeClient
from service.http.health import Probe, Sounding, disk_part, disk_probe, memory_part, part, sound
from service.http.metrics import HttpMetrics

_BEHIND_S = 5.0
_LAG_BLOCKS = 100
_HEAD_AGE_S = 600.0


@dataclass(slots=True)
class Health:
    """What there is to ask, and what is told of it. Says nothing of where anything is."""

    explorer: Explorer
    shared: SharedCache | None = None
    node: NodeClient | None = None
    metrics: HttpMetrics = field(default_factory=explorer_metrics)
    _database: "Probe[Row | None]" = field(init=False)
    _redis: "Probe[None] | None" = field(init=False)
    _node: "Probe[int] | None" = field(init=False)
    _disk: "Probe[tuple[int, int]]" = field(init=False)

    def __post_init__(self) -> None:
        self._database = Probe(self._ask_database)
        self._redis = None if self.shared is None else Probe(self._ask_redis)
        self._node = None if self.node is None else Probe(self.node.head_number)
        self._disk = disk_probe()

    async def is_ready(self) -> bool:
        """Whether requests can be answered."""
        return (await self._database.sound()).status != "unavailable"

    async def report(self) -> HealthReport:
        database, redis, node, disk = await asyncio.gather(
            self._database.sound(), sound(self._redis), sound(self._node), self._disk.sound()
        )
        parts = Parts(
            database=part(Part, database),
            redis=part(Part, redis),
            node=part(Part, node, head_number=node.value),
            outbox=self._outbox(database),
            indexing=_indexing(database, node.value),
            memory=memory_part(Part),
            disk=disk_part(Part, disk),
        )
        every = (parts.redis, parts.node, parts.outbox, parts.indexing, parts.memory, parts.disk)
        if parts.database.status == "unavailable":
            status = "unhealthy"
        else:
            well = {"healthy", "off"}
            status = "healthy" if all(p.status in well for p in (parts.database, *every)) else "degraded"
        return HealthReport(status=status, checked_at=datetime.now(UTC), parts=parts)  # type: ignore[arg-type]

    async def _ask_database(self) -> Row | None:
        tip = self.explorer.tip
        return await self.explorer.reader.one(queries.select_health, tip.sequence, tip.head)

    async def _ask_redis(self) -> None:
        assert self.shared is not None
        if not await self.shared.ping():
            raise ConnectionError("Redis does not answer")

    def _outbox(self, database: "Sounding[Row | None]") -> Part:
        sequence = self.explorer.tip.sequence
        if database.value is None:
            return Part(database.status, database.milliseconds, sequence=sequence)
        behind_s = database.value["behind_s"] or 0.0
        late = behind_s > _BEHIND_S
        return Part(
            "degraded" if late else "healthy",
            database.milliseconds,
            "what was committed is heard late: answers may be old" if late else None,
            sequence=sequence,
            behind_s=round(behind_s, 3),
        )


def _indexing(database: "Sounding[Row | None]", node_head: int | None) -> Part:
    if database.status != "healthy":
        return Part(database.status, database.milliseconds)
    row = database.value
    if row is None or row["head_number"] is None:
        return Part("degraded", database.milliseconds, "nothing is indexed yet")
    age_s = row["head_age_s"]
    lag = None if node_head is None else max(0, node_head - row["head_number"])
    detail = None
    if lag is not None and lag > _LAG_BLOCKS:
        detail = f"the node is {lag} blocks ahead"
    elif lag is None and age_s is not None and age_s > _HEAD_AGE_S:
        detail = "the highest block is old; no node is there to say whether it is the highest"
    return Part(
        "healthy" if detail is None else "degraded",
        database.milliseconds,
        detail,
        head_number=row["head_number"],
        head_age_s=None if age_s is None else round(age_s, 3),
        lag_blocks=lag,
    )
