"""Redis for every process: one client with TLS, time limits and no hidden retries."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

AWAY = (RedisError, OSError, TimeoutError)
"""What a command raises when Redis does not answer, or answers that it cannot."""


class RedisUnavailable(Exception):
    """Redis did not answer; what depends on it is slower or later, never wrong."""

    next_step = "Check redis.url, its TLS settings and that the server runs."

    def __init__(self, host: str, reason: str) -> None:
        self.host, self.reason = host, reason
        super().__init__(f"Redis at {host} does not answer: {reason}")


@dataclass(frozen=True, kw_only=True, slots=True)
class RedisSettings:
    url: str = field(repr=False)
    tls_ca_file: str | None = None
    connect_timeout_s: float = 2.0
    request_timeout_s: float = 2.0
    connections_max: int = 10

    @property
    def host(self) -> str:
        parts = urlsplit(self.url)
        return parts.netloc.rpartition("@")[2] or parts.path


def open_redis(settings: RedisSettings) -> "Redis":
    """A client that connects on first use; the caller closes it with `aclose`.

    A failed command raises at once: callers know better than the driver whether to repeat it.
    """
    tls: dict[str, Any] = {"ssl_ca_certs": settings.tls_ca_file} if settings.tls_ca_file else {}
    return Redis.from_url(
        settings.url,
        socket_connect_timeout=settings.connect_timeout_s,
        socket_timeout=settings.request_timeout_s,
        max_connections=settings.connections_max,
        retry=Retry(NoBackoff(), 0),
        decode_responses=False,
        **tls,
    )


async def ping(client: "Redis", settings: RedisSettings) -> float:
    """Seconds the server took to answer; raises `RedisUnavailable`."""
    begun = time.monotonic()
    try:
        async with asyncio.timeout(settings.connect_timeout_s + settings.request_timeout_s):
            await client.ping()
    except (RedisError, OSError, TimeoutError) as error:
        reason = str(error) or type(error).__name__
        raise RedisUnavailable(settings.host, reason) from error
    return time.monotonic() - begun


def heed_cancellation() -> None:
    """Say a cancellation again that met the driver while it connected: it is lost there."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
