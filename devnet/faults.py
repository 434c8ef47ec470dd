"""Where the server can be made to misbehave: before a request, on each answer, on what it pushes."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

from aiohttp import web

from devnet.chain import Change


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
    authorization: str = field(default="", repr=False)


class DropConnection(Exception):
    """Raised by `Faults.before` or `Faults.copies`: close the connection without an answer."""


# Sends the answer's body to an HTTP request in a way of its own.
Delivery: TypeAlias = Callable[[web.Request, bytes], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Delivered:
    """An answer's body and how it is to be sent."""

    body: bytes
    delivery: Delivery


class Faults(Protocol):
    async def before(self, exchange: Exchange) -> web.Response | Delivery | None:
        """Wait, answer in the server's place, raise `DropConnection`, or return None to go on.

        A `Delivery` lets the server answer and sends that answer; it fits HTTP only.
        """
        ...

    def after(self, call: Call, answer: bytes) -> bytes:
        """The answer to send instead of `answer`, which is one whole JSON-RPC response object."""
        ...

    def announced(self, change: Change) -> Change | None:
        """What subscribers are told instead of `change`; None for nothing."""
        ...

    def copies(self, notification: bytes) -> int:
        """How many times to push `notification`; 0 silences its connection for good. May drop it."""
        ...


class NoFaults:
    async def before(self, exchange: Exchange) -> web.Response | Delivery | None:  # noqa: ARG002
        return None

    def after(self, call: Call, answer: bytes) -> bytes:  # noqa: ARG002
        return answer

    def announced(self, change: Change) -> Change | None:
        return change

    def copies(self, notification: bytes) -> int:  # noqa: ARG002
        return 1
