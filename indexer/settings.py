"""Settings of the indexer, one frozen value; each field says its meaning, unit and special values.

The descriptions are the reference of docs/operations.md and of `pend-index config`.
"""

import os
import sys
from pathlib import Path
from typing import Literal

from pydantic import Field

from node.settings import NodeSettings
from postgres.pool import DatabaseSettings
from service.redis import RedisSettings
from service.sections import (
    MIB,
    DatabaseSection,
    Folder,
    LogSection,
    NodeSection,
    RedisSection,
    sections_beside,
)
from service.settings import Section, Settings


class RelaySection(Section):
    keep_outbox_rows: int = Field(
        default=1_000_000,
        ge=1_000,
        le=1_000_000_000,
        description="Newest rows of the outbox kept, some 200 bytes each; a reader further behind has to "
        "resync. Rows that Redis was not told yet may become four times as many.",
    )


class FollowSection(Section):
    max_reorg_depth: int = Field(
        default=64,
        ge=0,
        le=10_000,
        description="Blocks that may be rolled back at once; a deeper change stops the writer.",
    )
    watchdog_s: float = Field(
        default=120.0,
        ge=0,
        le=86_400,
        description="Seconds without progress after which a stage that has work is started again, 0 means "
        "never; longer than node.request_timeout_s and database.statement_timeout_s.",
    )


class BackfillSection(Section):
    from_block: int = Field(
        default=0,
        ge=0,
        le=2**63 - 1,
        description="First block the daemon wants stored; what is missing from here on is a gap.",
    )
    workers: int = Field(
        default=0, ge=0, le=64, description="Worker processes; 0 means one per core this process may use."
    )
    segment_blocks: int = Field(
        default=10_000, ge=1, le=1_000_000, description="Blocks in one worker's unit of work at most."
    )
    commit_rows: int = Field(
        default=20_000,
        ge=1,
        le=1_000_000,
        description="Rows after which a worker commits; 3,000 and more write at full speed.",
    )
    queue_bytes_max: int = Field(
        default=64 * MIB,
        ge=MIB,
        le=16_384 * MIB,
        description="Bytes of fetched blocks each process holds before it waits.",
    )

    def workers_effective(self) -> int:
        """The number of worker processes, 0 resolved to the cores this process may run on."""
        if self.workers:
            return self.workers
        # A container may run on fewer cores than the machine has; only Linux says so.
        return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


class DeriveSection(Section):
    enabled: bool = Field(
        default=True,
        description="Whether tokens, balances, addresses, events and so on are derived from the blocks.",
    )
    rows_per_commit: int = Field(
        default=100_000,
        ge=1,
        le=1_000_000,
        description="Stored rows after which deriving commits, while it is behind the head.",
    )
    work_mem_mib: int = Field(
        default=64,
        ge=1,
        le=16_384,
        description="MiB that PostgreSQL may use for each sort and grouping of the session that derives.",
    )


class FetchedSection(Section):
    token_metadata: bool = Field(
        default=True,
        description="Whether name, symbol, decimals and supply of tokens are read from the node.",
    )
    native_balances: bool = Field(
        default=True, description="Whether balances of addresses that blocks touch are read from the node."
    )
    contract_codes: bool = Field(
        default=True, description="Whether code is read from the node, which shows what is a clone of what."
    )
    traces: Literal["off", "auto", "trace_block", "debug"] = Field(
        default="off",
        description="How transfers within transactions are read: trace_block (Besu's TRACE API), debug "
        "(debug_traceBlockByNumber, DEBUG API), auto whichever the node has; costs the node much.",
    )
    calls_per_s: float = Field(
        default=100.0,
        ge=0,
        le=100_000,
        description="Calls per second that each of these may ask of the node on average; 0 means no limit.",
    )
    traces_per_s: float = Field(
        default=2.0, ge=0, le=1_000, description="Blocks per second that are traced; 0 means no limit."
    )
    traced_blocks: int = Field(
        default=500,
        ge=1,
        le=1_000_000_000,
        description="Newest blocks that are traced; a Bonsai node has the state of 512.",
    )
    supply_refresh_s: float = Field(
        default=3_600.0,
        ge=1,
        le=31_536_000,
        description="Seconds after which a token is asked again, for its supply may have changed.",
    )
    look_every_s: float = Field(
        default=1.0, ge=0.05, le=3_600, description="Seconds between two looks for something to read."
    )
    connections_max: int = Field(
        default=2, ge=1, le=64, description="Connections per endpoint that each of these opens at most."
    )


class DecodeSection(Section):
    abi_folder: Folder | None = Field(
        default=None,
        description="Folder whose *.json files are ABIs, watched by the daemon; what they declare is "
        "decoded; not set means none.",
    )


class VerifySection(Section):
    level: Literal["light", "full"] = Field(
        default="light",
        description="Checks before storing; full also recomputes roots, transaction hashes and senders.",
    )
    background_blocks_per_s: float = Field(
        default=50.0,
        ge=0,
        le=10_000,
        description="Stored blocks per second that the daemon verifies beside its work; 0 means none.",
    )


class MetricsSection(Section):
    enabled: bool = Field(default=True, description="Whether the daemon serves /metrics.")
    host: str = Field(
        default="127.0.0.1", min_length=1, description="Address /metrics listens on; 0.0.0.0 means every one."
    )
    port: int = Field(default=9464, ge=0, le=65_535, description="Port of /metrics; 0 means any free one.")


class IndexerSettings(Settings):
    other_programs = sections_beside("pend-index")

    database: DatabaseSection
    node: NodeSection
    redis: RedisSection = RedisSection()
    relay: RelaySection = RelaySection()
    follow: FollowSection = FollowSection()
    backfill: BackfillSection = BackfillSection()
    derive: DeriveSection = DeriveSection()
    decode: DecodeSection = DecodeSection()
    fetched: FetchedSection = FetchedSection()
    verify: VerifySection = VerifySection()
    metrics: MetricsSection = MetricsSection()
    log: LogSection = LogSection()

    @property
    def full_checks(self) -> bool:
        """Whether blocks are checked with their roots and senders before they are stored."""
        return self.verify.level == "full"

    def node_settings(self) -> NodeSettings:
        node = self.node
        return NodeSettings(
            urls=tuple(url.get_secret_value() for url in node.urls),
            ws_url=node.ws_url.get_secret_value() if node.ws_url else None,
            username=node.username,
            password=node.password.get_secret_value() if node.password else None,
            jwt_token=node.token.get_secret_value() if node.token else None,
            jwt_token_file=Path(node.token_file) if node.token_file else None,
            tls_ca_file=Path(node.tls_ca_file) if node.tls_ca_file else None,
            batch_blocks_max=node.batch_blocks_max,
            connections_max=node.connections_max,
            request_timeout_s=node.request_timeout_s,
            deadline_s=node.retry_deadline_s,
            max_response_bytes=node.max_response_bytes,
            head_silence_s=node.silence_timeout_s,
        )

    def redis_settings(self) -> RedisSettings | None:
        return self.redis.connection_settings()

    def database_settings(self, application_name: str = "pend-index") -> DatabaseSettings:
        return self.database.connection_settings(application_name)
