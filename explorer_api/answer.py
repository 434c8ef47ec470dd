"""An answer as the cache holds it and as the edge sends it: bytes, and where they are true."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import msgspec
from litestar import Response
from litestar.types import ASGIApp, Receive, Scope, Send

JSON = "application/json"


class Lifetime(IntEnum):
    """How long an answer stays true, which decides what may be said in Cache-Control."""

    IMMUTABLE = 0
    """Facts of a final block named by its hash: they never change."""
    FINAL = 1
    """Final blocks only: changes with a redecode, a backfill or metadata, not with the next block."""
    HEAD = 2
    """True until anything is announced."""
    LIVE = 3
    """Not tied to the outbox: always computed, never kept by others."""


class Complete(msgspec.Struct, frozen=True):
    """The blocks for which a derived figure is complete."""

    from_block: int
    to_block: int


class Meta(msgspec.Struct, frozen=True):
    """Where an answer is true: read in the same snapshot as its data."""

    block_number: int
    block_hash: str
    finalized_number: int | None
    """Highest block that can no longer change; null where the network knows none."""
    finality: str
    """final: nothing in this answer can change by a reorg; pending: its newest blocks can."""
    sequence: int
    """The outbox sequence: streams resume from it, ETags follow it."""
    complete: Complete | None = None
    """For derived figures: the blocks they are complete for."""


@dataclass(slots=True)
class Answer:
    """One representation of one resource. `gzipped` is made once, by whom first needs it."""

    body: bytes
    sequence: int
    lifetime: Lifetime
    ttl_s: float
    block_number: int | None = None
    block_hash: str | None = None
    finality: str | None = None
    media_type: str = JSON
    status: int = 200
    route: str = ""
    gzipped: bytes | None = None
    stored_at: float = 0.0
    headers: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def size_bytes(self) -> int:
        """What keeping it takes; compressed it is there a second time, at a fifth or so."""
        return len(self.body) * 5 // 4 + 512


class AnswerResponse(Response[Any]):
    """What routes return: it hands the answer to the edge, which caches and sends it."""

    def __init__(self, answer: Answer) -> None:
        # Nothing of Litestar's response is made: it would be thrown away, and costs as much as the routing.
        self.answer = answer

    def to_asgi_response(self, *_: Any, **__: Any) -> ASGIApp:  # type: ignore[override]
        answer = self.answer

        async def hand_over(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
            scope["pend.answer"] = answer  # type: ignore[typeddict-unknown-key]

        return hand_over
