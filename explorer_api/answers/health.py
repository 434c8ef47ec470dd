"""Whether the explorer and what it stands on are well."""

from datetime import datetime
from typing import Literal

import msgspec

from service.http import health


class Part(health.Part, forbid_unknown_fields=True, omit_defaults=True):
    """One part. slow: no answer within 50 ms; unavailable: none at all; off: not set up."""

    sequence: int | None = None
    """Last row of the outbox heard."""
    behind_s: float | None = None
    """How long the first row not heard yet has been there."""
    head_number: int | None = None
    """Highest block: indexed, or of the node."""
    head_age_s: float | None = None
    lag_blocks: int | None = None
    """Blocks that the node has and that are not indexed; only where a node is set."""


class Parts(msgspec.Struct, forbid_unknown_fields=True):
    """What the explorer stands on."""

    database: Part
    redis: Part
    node: Part
    outbox: Part
    indexing: Part
    memory: Part
    disk: Part


class HealthReport(msgspec.Struct, forbid_unknown_fields=True):
    """healthy: all parts are. degraded: answers are right, but slower, older or fewer. unhealthy: none."""

    status: Literal["healthy", "degraded", "unhealthy"]
    checked_at: datetime
    parts: Parts
