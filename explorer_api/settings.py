"""Settings of the explorer, one frozen value; each field says its meaning, unit and special values."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from node.settings import NodeSettings
from postgres.pool import DatabaseSettings
from service.http.sections import KIB, HttpSection
from service.rate_limits import Allowed
from service.redis import RedisSettings
from service.sections import (
    MIB,
    DatabaseSection,
    HttpUrl,
    LogSection,
    NodeSection,
    RedisSection,
    sections_beside,
)
from service.settings import Section, Settings, comma_separated

_NODE_SHARE, _NODE_CONNECT_S = 0.4, 2.0


class QueriesSection(Section):
    connections: int = Field(
        default=16, ge=1, le=200, description="Database connections of each process at most."
    )
    wait_s: float = Field(
        default=2.0,
        gt=0,
        le=60,
        description="Seconds a request waits for a connection before it is 503.",
    )
    expensive_per_client: int = Field(
        default=2, ge=1, le=100, description="Expensive queries and exports that one client may run at once."
    )
    range_blocks_max: int = Field(
        default=10_000,
        ge=1,
        le=10_000_000,
        description="Blocks that a search over events without a contract may span.",
    )
    export_rows_max: int = Field(
        default=5_000_000, ge=1, le=1_000_000_000, description="Rows of one export at most."
    )
    export_timeout_s: float = Field(
        default=3_600.0, gt=0, le=86_400, description="Seconds one export may take."
    )


class CacheSection(Section):
    local_bytes_max: int = Field(
        default=128 * MIB, ge=0, le=16_384 * MIB, description="Bytes of answers each process keeps; 0: none."
    )
    head_s: float = Field(
        default=30.0,
        ge=0,
        le=3_600,
        description="Seconds an answer about the head is kept, without a new block.",
    )
    final_s: float = Field(
        default=300.0, ge=0, le=86_400, description="Seconds an answer about final blocks is kept."
    )
    immutable_s: float = Field(
        default=1_800.0, ge=0, le=86_400, description="Seconds a final block named by its hash is kept."
    )
    charts_s: float = Field(
        default=1_800.0, ge=0, le=86_400, description="Seconds figures of whole hours and days are kept."
    )
    pools_s: float = Field(default=600.0, ge=0, le=86_400, description="Seconds figures of pools are kept.")
    static_s: float = Field(
        default=3_600.0, ge=0, le=86_400, description="Seconds ABIs and documents are kept."
    )


class LimitsSection(Section):
    enabled: bool = Field(default=True, description="Whether clients are limited.")
    preset: Literal["pend", "seed"] = Field(
        default="pend",
        description="Numbers of the tiers: pend is 300 a minute and 10 a second; seed is 100 in 15 minutes.",
    )
    requests_per_minute: int | None = Field(
        default=None,
        ge=1,
        le=10_000_000,
        description="Requests a minute without a key; not set: preset's.",
    )
    burst_per_s: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="Requests a second without a key; not set: preset's.",
    )
    strict_per_15_minutes: int | None = Field(
        default=None, ge=1, le=1_000_000, description="Exports in 15 minutes; not set: the preset's 20."
    )
    key_requests_per_minute: int = Field(
        default=3_000, ge=1, le=10_000_000, description="Requests a minute with a key of the standard tier."
    )
    key_burst_per_s: int = Field(
        default=100, ge=1, le=1_000_000, description="Requests a second with a key of the standard tier."
    )
    partner_requests_per_minute: int = Field(
        default=30_000, ge=1, le=10_000_000, description="Requests a minute with a key of the partner tier."
    )
    partner_burst_per_s: int = Field(
        default=1_000, ge=1, le=1_000_000, description="Requests a second with a key of the partner tier."
    )
    key_strict_per_15_minutes: int = Field(
        default=200, ge=1, le=1_000_000, description="Exports in 15 minutes with a key of the standard tier."
    )
    partner_strict_per_15_minutes: int = Field(
        default=2_000, ge=1, le=1_000_000, description="Exports in 15 minutes with a key of the partner tier."
    )

    def tiers(self) -> "dict[str, Tier]":
        """What each tier may do; `anonymous` are those without a key."""
        window = _PRESETS[self.preset]
        if self.requests_per_minute is not None:
            window = Allowed(self.requests_per_minute, _MINUTE_S)
        return {
            "anonymous": _tier(window, self.burst_per_s or 10, self.strict_per_15_minutes or 20),
            "standard": _tier(
                Allowed(self.key_requests_per_minute, _MINUTE_S),
                self.key_burst_per_s,
                self.key_strict_per_15_minutes,
            ),
            "partner": _tier(
                Allowed(self.partner_requests_per_minute, _MINUTE_S),
                self.partner_burst_per_s,
                self.partner_strict_per_15_minutes,
            ),
        }


@dataclass(frozen=True, slots=True)
class Tier:
    """What a client of a tier may do: in a window, in one second, and how many exports."""

    window: Allowed
    burst: Allowed
    strict: Allowed


_MINUTE_S, _QUARTER_S = 60.0, 900.0
_PRESETS = {"pend": Allowed(300, _MINUTE_S), "seed": Allowed(100, _QUARTER_S)}


def _tier(window: Allowed, burst: int, strict: int) -> Tier:
    return Tier(window, Allowed(burst, 1.0), Allowed(strict, _QUARTER_S))


class StreamSection(Section):
    host: str = Field(
        default="127.0.0.1", min_length=1, description="Address the stream listens on; 0.0.0.0: every one."
    )
    port: int = Field(default=8081, ge=0, le=65_535, description="Port of the stream; 0 means any free one.")
    heartbeat_s: float = Field(
        default=20.0, ge=0.1, le=600, description="Seconds between two heartbeats on a quiet stream."
    )
    subscriptions_max: int = Field(
        default=100, ge=1, le=10_000, description="Channels that one connection may subscribe to."
    )
    connections_per_client: int = Field(
        default=50, ge=1, le=1_000_000, description="Connections that one address may hold."
    )
    queue_bytes_max: int = Field(
        default=256 * KIB,
        ge=KIB,
        le=64 * MIB,
        description="Bytes that may wait for a slow reader; with more it is dropped.",
    )
    replay_rows_max: int = Field(
        default=10_000, ge=0, le=1_000_000, description="Outbox rows that one resume may replay."
    )


class AskedNodeSection(NodeSection):
    """The node of the indexer, which the explorer asks for what is not stored; it may do without."""

    urls: Annotated[tuple[HttpUrl, ...], BeforeValidator(comma_separated)] = Field(
        default=(),
        description="JSON-RPC endpoints for pending transactions and eth_call; none: these are not served.",
    )


class ExplorerSettings(Settings):
    other_programs = sections_beside("pend-explorer")

    database: DatabaseSection
    redis: RedisSection = RedisSection()
    node: AskedNodeSection = AskedNodeSection()
    http: HttpSection = HttpSection()
    stream: StreamSection = StreamSection()
    cache: CacheSection = CacheSection()
    limits: LimitsSection = LimitsSection()
    queries: QueriesSection = QueriesSection()
    log: LogSection = LogSection()

    def database_settings(self, application_name: str = "pend-explorer") -> DatabaseSettings:
        """Sessions that cannot write, whatever their role may do."""
        given = self.database.connection_settings(application_name)
        most_s = self.http.request_timeout_s
        return DatabaseSettings(
            dsn=given.dsn,
            application_name=application_name,
            statement_timeout_s=min(given.statement_timeout_s or most_s, most_s),
            lock_timeout_s=given.lock_timeout_s,
            role=given.role,
            read_only=True,
        )

    def redis_settings(self) -> RedisSettings | None:
        return self.redis.connection_settings()

    def node_settings(self) -> NodeSettings | None:
        """How the node is asked on a reader's behalf: given up well before the reader is answered.

        None where there is no node.
        """
        node = self.node
        most_s = self.http.request_timeout_s * _NODE_SHARE
        if not node.urls:
            return None
        return NodeSettings(
            urls=tuple(url.get_secret_value() for url in node.urls),
            username=node.username,
            password=node.password.get_secret_value() if node.password else None,
            jwt_token=node.token.get_secret_value() if node.token else None,
            jwt_token_file=Path(node.token_file) if node.token_file else None,
            tls_ca_file=Path(node.tls_ca_file) if node.tls_ca_file else None,
            connections_max=node.connections_max,
            connect_timeout_s=min(_NODE_CONNECT_S, most_s),
            request_timeout_s=min(node.request_timeout_s, most_s),
            deadline_s=min(node.retry_deadline_s, most_s),
            max_response_bytes=min(node.max_response_bytes, 8 * MIB),
        )

    @model_validator(mode="after")
    def _lifetimes_fit(self) -> "ExplorerSettings":
        if self.cache.head_s > self.cache.immutable_s:
            raise ValueError(
                "cache.head_s is longer than cache.immutable_s, but answers about the head change first"
            )
        return self
