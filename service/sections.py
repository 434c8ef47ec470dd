"""Sections of settings that several programs have: what each field means, its unit and its special values."""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from postgres.pool import DatabaseSettings
from service.redis import RedisSettings
from service.settings import Section, UrlSecret, comma_separated

MIB = 1024 * 1024

_OF_PROGRAMS = {
    "pend-index": frozenset(
        {"relay", "follow", "backfill", "derive", "decode", "fetched", "verify", "metrics"}
    ),
    "pend-explorer": frozenset({"http", "stream", "cache", "limits", "queries"}),
    "pend-write": frozenset(
        {"write", "sign_in", "encryption", "storage", "sender", "audit", "protection", "worker"}
    ),
}


def sections_beside(program: str) -> frozenset[str]:
    """Sections that only other programs have: one file and one environment may serve them all."""
    return frozenset().union(*(names for other, names in _OF_PROGRAMS.items() if other != program))


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

    def connection_settings(self, application_name: str) -> DatabaseSettings:
        return DatabaseSettings(
            dsn=self.dsn_with_tls(),
            application_name=application_name,
            statement_timeout_s=self.statement_timeout_s,
            lock_timeout_s=self.lock_timeout_s,
            pool_size_max=self.pool_size_max,
            role=self.role,
        )


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

    def connection_settings(self) -> RedisSettings | None:
        """None where no Redis is set."""
        if self.url is None:
            return None
        return RedisSettings(url=self.url.get_secret_value(), tls_ca_file=self.tls_ca_file)


class LogSection(Section):
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe level written."
    )
    format: Literal["json", "text"] = Field(
        default="json", description="One JSON object per line, or text for people."
    )
