"""How to reach the node: one frozen value, built by the service that owns the configuration."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeSettings:
    """Endpoints in order of preference, credentials and limits.

    With `username` and `password` a token is fetched from Besu's POST /login; otherwise `jwt_token`,
    or the content of `jwt_token_file` (read again whenever it is refused), is sent as it is.
    """

    urls: tuple[str, ...]
    ws_url: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    jwt_token: str | None = field(default=None, repr=False)
    jwt_token_file: Path | None = None
    tls_ca_file: Path | None = None  # PEM file of the authority behind https and wss; None: the system's

    batch_blocks_max: int = 10
    batch_calls_max: int = 100  # small calls: hashes, and receipts one by one where a node needs that
    connections_max: int = 20
    connect_timeout_s: float = 5.0
    request_timeout_s: float = 30.0
    # Total time one operation may take, retries included; the caller decides whether to wait longer.
    deadline_s: float = 60.0
    retry_wait_initial_s: float = 0.1
    retry_wait_max_s: float = 5.0
    # A known number answered with null is asked again this often: a node behind a balancer may lag.
    missing_retries_max: int = 3
    # Parts that disagree are asked again this often: a block may be replaced between two questions.
    inconsistent_retries_max: int = 5
    max_response_bytes: int = 256 * 1024 * 1024
    # An endpoint that fails is set aside; after so many failures in a row nothing but a probe is sent to it,
    # first after `set_aside_initial_s`, then after twice as long each time.
    failures_max: int = 5
    set_aside_initial_s: float = 0.5
    set_aside_max_s: float = 15.0
    # Network and height of each endpoint are checked this often, and before one that failed is trusted again.
    health_interval_s: float = 15.0
    check_timeout_s: float = 5.0
    # An endpoint further behind the best one is asked only where no other can be.
    lag_blocks_max: int = 5
    # newHeads silent for this long: ask by polling whether the subscription still works.
    head_silence_s: float = 30.0

    @property
    def slow_batch_s(self) -> float:
        """A batch that takes longer was too large: the next may take four times as long and still arrive."""
        return self.request_timeout_s / 4

    def tls_context(self) -> ssl.SSLContext:
        """How https and wss endpoints are verified. Raises `ValueError` for a file without a certificate."""
        try:
            return ssl.create_default_context(cafile=self.tls_ca_file)
        except OSError as error:
            raise ValueError(
                f"node.tls_ca_file {self.tls_ca_file} holds no usable PEM certificate: {error}"
            ) from error

    def __post_init__(self) -> None:
        if not self.urls:
            raise ValueError("a node needs at least one URL: set node.urls")
        if self.batch_blocks_max < 1 or self.batch_calls_max < 1 or self.connections_max < 1:
            raise ValueError(
                "batch_blocks_max, batch_calls_max and connections_max must be at least 1, not "
                f"{self.batch_blocks_max}, {self.batch_calls_max} and {self.connections_max}"
            )
