"""What dashboards show."""

from datetime import datetime

import msgspec


class StateTotal(msgspec.Struct):
    """How many investments are in a state, and what they come to."""

    count: int
    amount: str


class Counted(msgspec.Struct):
    """What the summary counted when it was made last, every ten minutes."""

    counted_at: datetime
    users_by_status: dict[str, int]
    users_by_tier: dict[str, int]
    kyc_by_status: dict[str, int]
    assets_by_status: dict[str, int]
    investments_by_status: dict[str, StateTotal]


class OpenWork(msgspec.Struct):
    """What waits for somebody now; each is counted up to `counted_max`."""

    applications_pending: int
    applications_under_review: int
    approvals_pending: int
    security_events_open: int
    security_events_severe: int
    """Open ones of severity high and critical."""
    counted_max: int


class AssetTotals(msgspec.Struct):
    """What the assets of one currency hold, at most a second ago."""

    currency: str
    assets: int
    total_invested: str
    total_reserved: str
    """Asked for; the chain has not confirmed it."""


class DashboardStats(msgspec.Struct):
    """The platform at a glance."""

    counted: Counted
    open: OpenWork
    totals: list[AssetTotals]


class TableSize(msgspec.Struct):
    """A table with its indexes."""

    name: str
    bytes: int
    rows_estimated: int


class DatabaseHealth(msgspec.Struct):
    """The database server and the work in its background."""

    server_version: str
    started_at: datetime
    is_standby: bool
    connections: int
    connections_max: int
    database_bytes: int
    tables: list[TableSize]
    """The largest."""
    commits: int
    rollbacks: int
    deadlocks: int
    cache_hit_share: float | None
    oldest_transaction_at: datetime | None
    """When the oldest transaction that is open began; null where there is none, or where pend_definer may not
    read it (GRANT pg_read_all_stats TO pend_definer).
    """
    transaction_ids_used: int
    """Of the 2,000,000,000 or so before a vacuum must have been everywhere."""
    standbys: int
    slots_inactive: int
    slot_bytes_held: int | None
    audit_rows_unsealed: int
    """Counted up to 100,000."""
    sealed_at: datetime | None
    """When the newest seal of the audit trail was made."""
    seals_unanchored: int
    summaries_at: datetime | None


class Activity(msgspec.Struct):
    """Changes of one kind within one hour."""

    hour: datetime
    resource_type: str
    action: str
    actor: str
    changes: int


class DatabaseActivity(msgspec.Struct):
    """What was done lately, by hour and kind, newest first."""

    since: datetime
    looked_at: int
    is_complete: bool
    """False: there was more than was looked at, and the oldest hours are missing or not whole."""
    data: list[Activity]


class RouteFigures(msgspec.Struct):
    """Requests of one route since the process began."""

    route: str
    requests: int
    refused: int
    """Answered with 4xx."""
    failed: int
    """Answered with 5xx."""
    mean_ms: float
    p99_ms_max: float | None
    """The bound of the bucket that holds the 99th percentile; null above 10 s."""


class PerformanceMetrics(msgspec.Struct):
    """How requests fare, of all worker processes of this server."""

    routes: list[RouteFigures]
    """Those with the most requests first."""
    database_connections_busy: int
    """Of the process that answers."""
    database_connections_max: int
