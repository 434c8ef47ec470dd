"""Whether the write API and what it stands on are well."""

from datetime import datetime
from typing import Literal

import msgspec

from service.http.health import Part


class Parts(msgspec.Struct, forbid_unknown_fields=True):
    """What the write API stands on."""

    database: Part
    redis: Part
    node: Part
    storage: Part
    keys: Part
    memory: Part
    disk: Part


class HealthReport(msgspec.Struct, forbid_unknown_fields=True):
    """healthy: all parts are. degraded: some things are slower or refused. unhealthy: everything is."""

    status: Literal["healthy", "degraded", "unhealthy"]
    checked_at: datetime
    parts: Parts
