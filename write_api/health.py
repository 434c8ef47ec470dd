"""How everything is that requests depend on, asked at once, and never for longer than 50 ms."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from node.client import NodeClient
from postgres.reader import Reader
from service.http.health import Part, Probe, Sounding, disk_part, disk_probe, memory_part, part, sound
from service.http.metrics import HttpMetrics
from write_api.acting import queries
from write_api.answers.health import HealthReport, Parts
from write_api.credentials.signing_keys import SigningKeys
from write_api.session_cache import SessionCache
from write_api.storage.objects import Storage


@dataclass(slots=True)
class Health:
    """Says nothing of where anything is."""

    reader: Reader
    sessions: SessionCache
    storage: Storage
    signing_keys: SigningKeys
    has_redis: bool
    node: NodeClient | None
    metrics: HttpMetrics
    _database: "Probe[Any]" = field(init=False)
    _redis: "Probe[None] | None" = field(init=False)
    _node: "Probe[int] | None" = field(init=False)
    _storage: "Probe[None]" = field(init=False)
    _disk: "Probe[tuple[int, int]]" = field(default_factory=disk_probe)

    def __post_init__(self) -> None:
        self._database = Probe(lambda: self.reader.one(queries.select_database))
        self._redis = Probe(self.sessions.ping) if self.has_redis else None
        self._node = None if self.node is None else Probe(self.node.head_number)
        self._storage = Probe(self.storage.ping)

    async def is_ready(self) -> bool:
        """Whether requests can be answered."""
        database = await self._database.sound()
        return database.status != "unavailable" and not (database.value and database.value["is_standby"])

    async def report(self) -> HealthReport:
        database, redis, node, storage, disk = await asyncio.gather(
            self._database.sound(),
            sound(self._redis),
            sound(self._node),
            self._storage.sound(),
            self._disk.sound(),
        )
        parts = Parts(
            database=part(Part, database),
            redis=part(Part, redis),
            node=part(Part, node),
            storage=part(Part, storage),
            keys=self._keys(),
            memory=memory_part(Part),
            disk=disk_part(Part, disk),
        )
        if parts.database.status == "unavailable":
            return HealthReport("unhealthy", datetime.now(UTC), parts)
        every = (parts.database, parts.redis, parts.node, parts.storage, parts.keys, parts.memory, parts.disk)
        well = all(each.status in {"healthy", "off"} for each in every)
        return HealthReport("healthy" if well else "degraded", datetime.now(UTC), parts)

    def _keys(self) -> Part:
        fault = self.signing_keys.fault
        told = part(Part, Sounding("healthy", 0.0) if fault is None else Sounding("degraded", 0.0))
        told.detail = None if fault is None else "the file of signing keys changed and cannot be read"
        return told
