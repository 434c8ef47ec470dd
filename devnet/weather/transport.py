"""Faults of a whole HTTP request: refused, cut, swollen, slow, or never answered."""

import asyncio
from dataclasses import dataclass

from aiohttp import web

from devnet import errors
from devnet.faults import Delivery, DropConnection, Exchange
from devnet.login import unauthorized
from devnet.rpc import refusal
from devnet.weather.fault import OnExchange, Scene

JSON = "application/json"
PIECE_BYTES = 1024 * 1024


@dataclass(frozen=True)
class HttpStatus(OnExchange):
    """A refusal by the node or by the proxy before it; 504 closes the connection, as Besu does."""

    status: int
    retry_after_s: int | None = None

    @property
    def name(self) -> str:
        return f"http_{self.status}"

    async def strike(self, exchange: Exchange, scene: Scene) -> web.Response:  # noqa: ARG002
        response = web.Response(status=self.status, content_type="text/html")
        response.text = f"<html><head><title>{self.status} {response.reason}</title></head></html>"
        if self.retry_after_s is not None:
            response.headers["Retry-After"] = str(self.retry_after_s)
        if self.status == 504:
            response.force_close()
        return response


@dataclass(frozen=True)
class ConnectionDropped(OnExchange):
    """The connection is closed without an answer, HTTP or WebSocket."""

    name = "connection_dropped"

    def applies(self, exchange: Exchange, scene: Scene) -> bool:  # noqa: ARG002
        return True

    async def strike(self, exchange: Exchange, scene: Scene) -> web.Response:  # noqa: ARG002
        raise DropConnection


@dataclass(frozen=True)
class BatchRefused(OnExchange):
    """A batch of more than `calls_max` is refused by one object, as Besu's --rpc-http-max-batch-size."""

    name = "batch_refused"
    calls_max: int = 1

    def applies(self, exchange: Exchange, scene: Scene) -> bool:
        return super().applies(exchange, scene) and len(exchange.calls) > self.calls_max

    async def strike(self, exchange: Exchange, scene: Scene) -> web.Response:  # noqa: ARG002
        return web.Response(body=refusal(errors.batch_exceeded()), content_type=JSON)


@dataclass(frozen=True)
class TokenExpired(OnExchange):
    """The token of the request expires early: 401 and -40100 until its owner logs in again."""

    name = "token_expired"

    def applies(self, exchange: Exchange, scene: Scene) -> bool:
        return scene.login is not None and exchange.transport == "http"

    async def strike(self, exchange: Exchange, scene: Scene) -> web.Response:
        assert scene.login is not None  # `applies` says so
        scene.login.revoke(exchange.authorization)
        return unauthorized()


@dataclass(frozen=True)
class Stalled(OnExchange):
    """The request is taken and answered only after `wait_s`, if anybody still waits."""

    name = "stalled"
    wait_s: float = 3600.0

    async def strike(self, exchange: Exchange, scene: Scene) -> web.Response:  # noqa: ARG002
        await asyncio.sleep(self.wait_s)
        raise DropConnection


@dataclass(frozen=True)
class Oversize(OnExchange):
    """The right answer, followed by blanks up to `mebibytes`: valid JSON that no reader should hold."""

    name = "oversize"
    mebibytes: int = 300

    async def strike(self, exchange: Exchange, scene: Scene) -> Delivery:  # noqa: ARG002
        async def send(request: web.Request, body: bytes) -> web.StreamResponse:
            response = await _begin(request)
            await response.write(body)
            blanks = b" " * PIECE_BYTES
            for _ in range(self.mebibytes):
                await response.write(blanks)
            await response.write_eof()
            return response

        return send


@dataclass(frozen=True)
class TruncatedJson(OnExchange):
    """The first half of the answer, sent as if it were all."""

    name = "truncated_json"

    async def strike(self, exchange: Exchange, scene: Scene) -> Delivery:  # noqa: ARG002
        async def send(_: web.Request, body: bytes) -> web.StreamResponse:
            return web.Response(body=body[: len(body) // 2], content_type=JSON)

        return send


@dataclass(frozen=True)
class CutShort(OnExchange):
    """The connection breaks after half of the bytes that were announced."""

    name = "cut_short"

    async def strike(self, exchange: Exchange, scene: Scene) -> Delivery:  # noqa: ARG002
        async def send(request: web.Request, body: bytes) -> web.StreamResponse:
            response = await _begin(request, length=len(body))
            await response.write(body[: len(body) // 2])
            if request.transport is not None:
                request.transport.close()
            return response

        return send


@dataclass(frozen=True)
class Trickle(OnExchange):
    """The answer in `pieces`, `pause_s` apart: alive at each moment, and far too slow."""

    name = "trickle"
    pieces: int = 20
    pause_s: float = 5.0

    async def strike(self, exchange: Exchange, scene: Scene) -> Delivery:  # noqa: ARG002
        async def send(request: web.Request, body: bytes) -> web.StreamResponse:
            response = await _begin(request, length=len(body))
            size = -(-len(body) // self.pieces)
            for start in range(0, len(body), size):
                if start:
                    await asyncio.sleep(self.pause_s)
                await response.write(body[start : start + size])
            await response.write_eof()
            return response

        return send


@dataclass(frozen=True)
class WrongContentType(OnExchange):
    """The right JSON, called text/html."""

    name = "wrong_content_type"

    async def strike(self, exchange: Exchange, scene: Scene) -> Delivery:  # noqa: ARG002
        async def send(_: web.Request, body: bytes) -> web.StreamResponse:
            return web.Response(body=body, content_type="text/html")

        return send


@dataclass(frozen=True)
class HtmlPage(OnExchange):
    """A page with status 200, as a proxy shows one to those it does not know."""

    name = "html_page"

    async def strike(self, exchange: Exchange, scene: Scene) -> web.Response:  # noqa: ARG002
        page = "<!doctype html><html><body><h1>Please sign in</h1></body></html>"
        return web.Response(text=page, content_type="text/html")


async def _begin(request: web.Request, length: int | None = None) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": JSON})
    response.content_length = length
    await response.prepare(request)
    return response
