"""Where a test makes the server misbehave: before a request is answered, and on each answer."""

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from aiohttp import web


@dataclass(frozen=True)
class Call:
    method: str
    params: list[Any]
    id: object


@dataclass(frozen=True)
class Exchange:
    """One HTTP request or WebSocket message: a single call, or those of a batch."""

    transport: Literal["http", "ws"]
    calls: tuple[Call, ...]


class DropConnection(Exception):
    """Raised by `Faults.before`: close the connection without an answer."""


class Faults(Protocol):
    async def before(self, exchange: Exchange) -> web.Response | None:
        """Wait, answer in the server's place, raise `DropConnection`, or return None to go on."""
        ...

    def after(self, call: Call, answer: bytes) -> bytes:
        """The answer to send instead of `answer`, which is one whole JSON-RPC response object."""
        ...


class NoFaults:
    async def before(self, exchange: Exchange) -> web.Response | None:  # noqa: ARG002
        return None

    def after(self, call: Call, answer: bytes) -> bytes:  # noqa: ARG002
        return answer
