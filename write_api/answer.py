"""An answer as a route makes it and as the edge sends it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import msgspec
from litestar import Response
from litestar.types import ASGIApp, Receive, Scope, Send

from service.http.asgi import Header

JSON = "application/json"


@dataclass(slots=True)
class Answer(Response[Any]):
    """Handed to the edge as it is. `version` becomes the ETag that If-Match is compared with.

    `chunks` instead of a body is streamed; it is read after the transaction has ended.
    """

    body: bytes = b""
    status: int = 200
    version: int | None = None
    media_type_: str = JSON
    headers_: tuple[Header, ...] = ()
    chunks: AsyncIterator[bytes] | None = None

    def to_asgi_response(self, *_: Any, **__: Any) -> ASGIApp:  # type: ignore[override]
        # Nothing of Litestar's response is made: it would be thrown away.
        async def hand_over(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
            scope["pend.answer"] = self  # type: ignore[typeddict-unknown-key]

        return hand_over


def answer(data: Any, *, status: int = 200, version: int | None = None, location: str = "") -> Answer:
    """JSON of a struct; `location` is where what was made can be read."""
    headers: tuple[Header, ...] = ((b"location", location.encode()),) if location else ()
    return Answer(msgspec.json.encode(data), status, version, JSON, headers)


def no_content() -> Answer:
    return Answer(status=204)
