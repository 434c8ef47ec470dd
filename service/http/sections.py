"""Settings of an HTTP server: what each field means, its unit and its special values."""

from typing import Annotated

from pydantic import BeforeValidator, Field, IPvAnyNetwork

from service.sections import MIB
from service.settings import Section, comma_separated

KIB = 1024


class HttpSection(Section):
    host: str = Field(
        default="127.0.0.1", min_length=1, description="Address the API listens on; 0.0.0.0 means every one."
    )
    port: int = Field(default=8080, ge=0, le=65_535, description="Port of the API; 0 means any free one.")
    workers: int = Field(default=1, ge=1, le=64, description="Server processes of the API, each on one core.")
    trusted_proxies: Annotated[tuple[IPvAnyNetwork, ...], BeforeValidator(comma_separated)] = Field(
        default=(),
        description="Networks of reverse proxies whose X-Forwarded-For names the client; none trusts nobody.",
    )
    cors_origins: Annotated[tuple[str, ...], BeforeValidator(comma_separated)] = Field(
        default=(), description="Origins whose pages may read answers; * means every one."
    )
    request_timeout_s: float = Field(
        default=10.0, gt=0, le=600, description="Seconds an answer may take; exports and streams are exempt."
    )
    body_bytes_max: int = Field(
        default=64 * KIB, ge=0, le=64 * MIB, description="Bytes of a request's body at most."
    )
    target_bytes_max: int = Field(
        default=8 * KIB, ge=256, le=64 * KIB, description="Bytes of a request's path and query at most."
    )
