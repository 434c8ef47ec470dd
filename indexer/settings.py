"""Settings of the indexer, one frozen value; each field says its meaning, unit and special values.

The descriptions are the reference of docs/operations.md and of `pend-index config`.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from node.settings import NodeSettings
from postgres.pool import DatabaseSettings
from service.redis import RedisSettings
from service.settings import Section, Settings, UrlSecret, comma_separated

MIB = 1024 * 1024
_TLS_KEYS = ("sslmode", "sslrootcert", "sslcert", "sslkey")


def _url(*schemes: str, needs_host: bool = True) -> AfterValidator:
    def check(value: UrlSecret) -> UrlSecret:
        parts = urlsplit(value.get_secret_value())
        if parts.scheme not in schemes or (needs_host and not parts.netloc):
            raise ValueError("does not begin with " + " or ".join(f"{scheme}://" for scheme in schemes))
        if needs_host and parts.port == 0:  # reading it raises ValueError when it is no port number
            raise ValueError("has port 0")
        return value

    return AfterValidator(check)


def _readable(value: str) -> str:
    try:
        Path(value).open("rb").close()
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from error
    return value


def _folder(value: str) -> str:
    if not Path(value).is_dir():
        raise ValueError("is no folder")
    return value


# PostgreSQL URLs may name several hosts, or none and a socket directory: their driver judges them.
PostgresDsn = Annotated[
    UrlSecret,
    _url("postgresql", "postgres", needs_host=False),
    "a URL such as postgresql://user:password@host:5432/database",
]
HttpUrl = Annotated[UrlSecret, _url("http", "https"), "an http:// or https:// URL"]
WebSocketUrl = Annotated[UrlSecret, _url("ws", "wss"), "a ws:// or wss:// URL"]
RedisUrl = Annotated[
    UrlSecret, _url("redis", "rediss", "unix", needs_host=False), "a redis:// or rediss:// (TLS) URL"
]
ReadableFile = Annotated[str, AfterValidator(_readable), "the path of a readable file"]
Folder = Annotated[str, AfterValidator(_folder), "the path of a folder"]
RoleName = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,62}$"), "a role name: a-z, 0-9 and _"]


class DatabaseSection(Section):
    dsn: PostgresDsn = Field(
        description="PostgreSQL 15+ with or without TimescaleDB, as a postgresql:// URL."
    )
    role: RoleName | None = Field(
        default=None,
        description="Role taken by SET ROLE after connecting, e.g. pend_indexer; not set keeps the login.",
    )
    sslmode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] | None = Field(
        default=None,
        description="TLS to the database; verify-full checks the host name; not set leaves it to the DSN.",
    )
    sslrootcert: ReadableFile | None = Field(
        default=None, description="PEM file of the authority behind the server certificate."
    )
    sslcert: ReadableFile | None = Field(default=None, description="PEM file of the client certificate.")
    sslkey: ReadableFile | None = Field(default=None, description="PEM file of the client certificate's key.")
    timescale: Literal["auto", "off"] = Field(
        default="auto",
        description="auto makes hypertables where TimescaleDB is installed; off keeps plain tables.",
    )
    chunk_blocks: int = Field(
        default=100_000,
        ge=1_000,
        le=100_000_000,
        description="Blocks per hypertable chunk; used when migrating.",
    )
    pool_size_max: int = Field(
        default=8, ge=2, le=100, description="Connections kept to the database at most."
    )
    statement_timeout_s: float = Field(
        default=60.0, ge=0, le=86_400, description="Seconds one statement may take; 0 means no limit."
    )
    lock_timeout_s: float = Field(
        default=10.0, ge=0, le=3_600, description="Seconds a statement may wait for a lock; 0 means no limit."
    )

    @model_validator(mode="after")
    def _tls_is_said_once(self) -> "DatabaseSection":
        query = dict(parse_qsl(urlsplit(self.dsn.get_secret_value()).query))
        twice = [name for name in _TLS_KEYS if getattr(self, name) is not None and name in query]
        if twice:
            raise ValueError(f"{', '.join(twice)} is set both here and in database.dsn; keep one")
        return self

    def dsn_with_tls(self) -> str:
        """The DSN with the sslmode, sslrootcert, sslcert and sslkey settings in its query."""
        dsn = self.dsn.get_secret_value()
        given = {name: value for name in _TLS_KEYS if (value := getattr(self, name)) is not None}
        if not given:
            return dsn
        return f"{dsn}{'&' if '?' in dsn else '?'}{urlencode(given, quote_via=quote, safe='/')}"


class NodeSection(Section):
    urls: Annotated[tuple[HttpUrl, ...], BeforeValidator(comma_separated)] = Field(
        min_length=1,
        description="JSON-RPC endpoints in order of preference; a variable gives them comma-separated.",
    )
    ws_url: WebSocketUrl | None = Field(
        default=None, description="WebSocket endpoint for new heads; not set means polling."
    )
    username: str | None = Field(
        default=None, description="User for Besu's POST /login; needs node.password."
    )
    password: SecretStr | None = Field(default=None, description="Password for Besu's POST /login.")
    token: SecretStr | None = Field(
        default=None, description="A JWT sent as bearer token, signed by the key the node trusts."
    )
    token_file: ReadableFile | None = Field(
        default=None, description="File that holds the JWT, read again when the node refuses it."
    )
    tls_ca_file: ReadableFile | None = Field(
        default=None,
        description="PEM file of the authority behind https and wss endpoints; not set uses the system's.",
    )
    batch_blocks_max: int = Field(
        default=10,
        ge=1,
        le=1_000,
        description="Blocks per JSON-RPC batch at most; 5 to 20 measured best, shrinks by itself.",
    )
    connections_max: int = Field(
        default=20,
        ge=1,
        le=64,
        description="Connections per endpoint at most, in each backfill worker; Besu closes the 81st.",
    )
    request_timeout_s: float = Field(default=30.0, gt=0, le=600, description="Seconds one request may take.")
    retry_deadline_s: float = Field(
        default=120.0,
        ge=0,
        le=86_400,
        description="Seconds a call is retried before it fails; the daemon then repeats it.",
    )
    poll_interval_s: float = Field(
        default=1.0, ge=0.05, le=300, description="Seconds between polls for a new head."
    )
    silence_timeout_s: float = Field(
        default=30.0,
        ge=1,
        le=3_600,
        description="Seconds without a head on the WebSocket before polling takes over.",
    )
    max_response_bytes: int = Field(
        default=256 * MIB,
        ge=MIB,
        le=4096 * MIB,
        description="Bytes of one answer at most; larger ones shrink the batch.",
    )

    @model_validator(mode="after")
    def _one_way_to_sign_in(self) -> "NodeSection":
        if (self.username is None) != (self.password is None):
            raise ValueError("node.username and node.password belong together; set both or neither")
        ways = {
            "node.username": self.username,
            "node.token": self.token,
            "node.token_file": self.token_file,
        }
        chosen = [name for name, value in ways.items() if value is not None]
        if len(chosen) > 1:
            raise ValueError(f"{' and '.join(chosen)} exclude one another; keep one")
        return self


class RedisSection(Section):
    url: RedisUrl | None = Field(
        default=None,
        description="Redis that relays the outbox to readers; not set means none; rediss:// means TLS.",
    )
    tls_ca_file: ReadableFile | None = Field(
        default=None,
        description="PEM file of the authority behind a rediss:// server; not set uses the system's.",
    )


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


class LogSection(Section):
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe level written."
    )
    format: Literal["json", "text"] = Field(
        default="json", description="One JSON object per line, or text for people."
    )


class IndexerSettings(Settings):
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
        if self.redis.url is None:
            return None
        return RedisSettings(url=self.redis.url.get_secret_value(), tls_ca_file=self.redis.tls_ca_file)

    def database_settings(self, application_name: str = "pend-index") -> DatabaseSettings:
        database = self.database
        return DatabaseSettings(
            dsn=database.dsn_with_tls(),
            application_name=application_name,
            statement_timeout_s=database.statement_timeout_s,
            lock_timeout_s=database.lock_timeout_s,
            pool_size_max=database.pool_size_max,
            role=database.role,
        )
