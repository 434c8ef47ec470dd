"""Settings of the write API, one frozen value; each field says its meaning, unit and special values."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr, model_validator

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


class WriteSection(HttpSection):
    port: int = Field(default=8090, ge=0, le=65_535, description="Port of the write API; 0: any free one.")
    live_port: int = Field(
        default=8091, ge=0, le=65_535, description="Port of the admin panel's Socket.IO; 0: any free one."
    )
    connections: int = Field(
        default=16, ge=1, le=200, description="Database connections of each process at most."
    )
    wait_s: float = Field(
        default=2.0, gt=0, le=60, description="Seconds a request waits for a connection before it is 503."
    )
    upload_timeout_s: float = Field(
        default=600.0, gt=0, le=86_400, description="Seconds an upload or a download of a document may take."
    )


class SignInSection(Section):
    domain: str = Field(
        default="localhost:8090", min_length=1, description="Domain that wallets sign in to (EIP-4361)."
    )
    uri: str = Field(
        default="http://localhost:8090", min_length=1, description="URI that wallets sign in to (EIP-4361)."
    )
    chain_id: int = Field(default=1337, ge=1, description="Chain that wallets sign in for.")
    issuer: str = Field(default="pend", min_length=1, description="Issuer of access tokens.")
    audience: str = Field(default="pend-write", min_length=1, description="Audience of access tokens.")
    keys_file: Path = Field(
        default=Path("pend-signing-keys.json"),
        description="File of the keys that sign access tokens; `pend-write keys create` makes it.",
    )
    access_s: int = Field(default=900, ge=60, le=3_600, description="Seconds an access token holds.")
    session_s: int = Field(
        default=86_400, ge=900, le=30 * 86_400, description="Seconds a session lives without being used."
    )
    relying_party_id: str = Field(
        default="localhost", min_length=1, description="Domain that security keys are registered for."
    )
    relying_party_origins: Annotated[tuple[str, ...], BeforeValidator(comma_separated)] = Field(
        default=("http://localhost:8090",), description="Origins of pages that ask for security keys."
    )
    argon2_memory_kib: int = Field(
        default=65_536, ge=8_192, le=4_194_304, description="KiB that hashing one password takes."
    )
    argon2_time: int = Field(default=3, ge=1, le=20, description="Passes of hashing one password.")
    argon2_lanes: int = Field(default=4, ge=1, le=16, description="Lanes of hashing one password.")


class EncryptionSection(Section):
    source: Literal["file", "environment", "command"] = Field(
        default="file", description="Where master keys are: a file, a variable, or a key service's command."
    )
    keys_file: Path = Field(
        default=Path("pend-master-keys.json"),
        description="File of master keys, readable by its owner alone; `pend-write keys create` makes it.",
    )
    keys: SecretStr | None = Field(
        default=None, description="The text of such a file, where the source is environment."
    )
    command: Annotated[tuple[str, ...], BeforeValidator(comma_separated)] = Field(
        default=(),
        description="Program and arguments of the key service, {operation} and {key_id} filled in.",
    )
    command_key_id: str = Field(default="", description="Key of the key service that wraps.")
    command_old_key_ids: Annotated[tuple[str, ...], BeforeValidator(comma_separated)] = Field(
        default=(), description="Keys of the key service that still unwrap."
    )
    command_index: SecretStr | None = Field(
        default=None,
        description="The wrapped secret of keyed hashes, as `pend-write keys create` printed it.",
    )


class StorageSection(Section):
    folder: Path = Field(
        default=Path("pend-documents"), description="Folder of documents, where no bucket is named."
    )
    bucket: str | None = Field(default=None, description="S3 bucket of documents; not set: the folder.")
    endpoint: str = Field(default="", description="Endpoint of the bucket.")
    region: str = Field(default="us-east-1", description="Region of the bucket.")
    access_key_id: str = Field(default="", description="Access key of the bucket.")
    secret_access_key: SecretStr = Field(default=SecretStr(""), description="Its secret.")
    path_style: bool = Field(default=True, description="Whether the bucket is in the path, not in the host.")
    allow_http: bool = Field(default=False, description="Whether the endpoint may be without TLS.")
    document_bytes_max: int = Field(
        default=25 * MIB, ge=KIB, le=1_024 * MIB, description="Bytes of one document at most."
    )


class SenderSection(Section):
    kind: Literal["console", "http"] = Field(
        default="console", description="How codes reach phones: printed for development, or by HTTP."
    )
    url: HttpUrl | None = Field(default=None, description="Where {phone, text} is posted to.")
    token: SecretStr | None = Field(default=None, description="Bearer token of that service.")


class AuditSection(Section):
    seal_every_s: float = Field(
        default=10.0, gt=0, le=3_600, description="Seconds between two seals of the audit trail."
    )
    anchor_file: Path = Field(
        default=Path("pend-audit-anchors.jsonl"),
        description="File outside the database that each seal is appended to.",
    )


class ProtectionSection(Section):
    """How often somebody may ask; `limits` is the explorer's."""

    enabled: bool = Field(default=True, description="Whether callers are limited.")
    requests_per_minute: int = Field(
        default=600, ge=1, le=10_000_000, description="Requests a minute of one account or address."
    )
    burst_per_s: int = Field(default=50, ge=1, le=1_000_000, description="Requests a second of one of them.")
    strict_per_15_minutes: int = Field(
        default=60, ge=1, le=1_000_000, description="Uploads, exports and the like in 15 minutes."
    )
    auth_per_15_minutes: int = Field(
        default=5, ge=1, le=1_000_000, description="Attempts in 15 minutes at one way to sign in."
    )

    @property
    def standard(self) -> tuple[Allowed, Allowed]:
        return Allowed(self.requests_per_minute, 60.0), Allowed(self.burst_per_s, 1.0)

    @property
    def strict(self) -> Allowed:
        return Allowed(self.strict_per_15_minutes, 900.0)

    @property
    def auth(self) -> Allowed:
        return Allowed(self.auth_per_15_minutes, 900.0)


class WorkerSection(Section):
    settle_every_s: float = Field(
        default=1.0, gt=0, le=600, description="Seconds between two looks for what the chain confirms."
    )
    final_after_blocks: int = Field(
        default=64,
        ge=0,
        le=10_000,
        description="Blocks below the head that are taken for final on a chain that names no final block.",
    )
    summaries_every_s: float = Field(
        default=600.0, gt=0, le=86_400, description="Seconds between two refreshes of the summaries."
    )
    tidy_every_s: float = Field(
        default=300.0, gt=0, le=86_400, description="Seconds between two removals of what is over."
    )


class AskedNodeSection(NodeSection):
    """The node of the indexer, asked for signatures of contract wallets; the write API may do without."""

    urls: Annotated[tuple[HttpUrl, ...], BeforeValidator(comma_separated)] = Field(
        default=(), description="JSON-RPC endpoints for EIP-1271; none: contract wallets cannot sign in."
    )


class WriteSettings(Settings):
    other_programs = sections_beside("pend-write")

    database: DatabaseSection
    redis: RedisSection = RedisSection()
    node: AskedNodeSection = AskedNodeSection()
    write: WriteSection = WriteSection()
    sign_in: SignInSection = SignInSection()
    encryption: EncryptionSection = EncryptionSection()
    storage: StorageSection = StorageSection()
    sender: SenderSection = SenderSection()
    audit: AuditSection = AuditSection()
    protection: ProtectionSection = ProtectionSection()
    worker: WorkerSection = WorkerSection()
    log: LogSection = LogSection()

    def database_settings(self, application_name: str = "pend-write") -> DatabaseSettings:
        """Sessions of the API: short statements on plain tables, whose plans are kept."""
        given = self.database.connection_settings(application_name)
        most_s = self.write.request_timeout_s
        return DatabaseSettings(
            dsn=given.dsn,
            application_name=application_name,
            statement_timeout_s=min(given.statement_timeout_s or most_s, most_s),
            lock_timeout_s=min(given.lock_timeout_s or most_s, most_s / 2),
            role=given.role,
            search_path="pg_catalog",
            caller_keeps_time=True,
            plans_once=True,
        )

    def redis_settings(self) -> RedisSettings | None:
        return self.redis.connection_settings()

    def node_settings(self) -> NodeSettings | None:
        """How the node is asked on a caller's behalf; None where there is no node."""
        node = self.node
        most_s = self.write.request_timeout_s * _NODE_SHARE
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
            max_response_bytes=min(node.max_response_bytes, MIB),
        )

    @model_validator(mode="after")
    def _what_is_named_is_whole(self) -> "WriteSettings":
        if self.sender.kind == "http" and self.sender.url is None:
            raise ValueError("sender.url is not set, but sender.kind is http")
        if self.encryption.source == "environment" and self.encryption.keys is None:
            raise ValueError("encryption.keys is not set, but encryption.source is environment")
        if self.encryption.source == "command" and not (
            self.encryption.command and self.encryption.command_key_id and self.encryption.command_index
        ):
            raise ValueError(
                "encryption.source is command: set encryption.command, command_key_id and command_index"
            )
        return self
