"""The outermost layer of every request, in one wrapper: each wrapper more costs a tenth of the throughput.

Who asks and how often, the correlation id, CORS, answers from the cache, 304, gzip, HEAD, time limits,
problems, metrics (PERF_API.md 8). Routes below return an `Answer`; what they send by themselves, such as
exports, passes through.
"""

import asyncio
import gzip
import itertools
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

import structlog

from explorer_api.answer import Answer, Lifetime
from explorer_api.caching.local import LocalCache
from explorer_api.caching.shared import SharedCache
from explorer_api.clients import Client, Clients
from explorer_api.etherscan import envelope as etherscan
from explorer_api.faults import problem_of
from explorer_api.limiting import Limiter
from explorer_api.problems import MethodNotAllowed
from explorer_api.settings import ExplorerSettings
from explorer_api.tip import Tip
from service.http import problems
from service.http.asgi import ASGIApp, Header, Message, Receive, Scope, Send
from service.http.cors import allow_origin, preflight
from service.http.metrics import HttpMetrics
from service.http.problems import Problem, TargetTooLong, TimedOut, TooLarge
from service.http.requests import accepts_gzip, given_id, matches, route_of

log = structlog.get_logger(__name__)

_GZIP_FROM_BYTES = 1_024
_FLIGHTS_MAX = 3


@dataclass(slots=True)
class Edge:
    """ASGI. `exempt` paths are neither limited nor timed: probes and metrics."""

    app: ASGIApp
    settings: ExplorerSettings
    tip: Tip
    local: LocalCache
    shared: SharedCache | None
    limiter: Limiter
    clients: Clients
    metrics: HttpMetrics
    build: str
    next_block_in_s: Callable[[], float]
    deprecated: Mapping[str, tuple[Header, ...]] = field(default_factory=dict)
    """Headers by route of what will go away (explorer_api.deprecation)."""
    _flights: dict[tuple[bytes, int], "asyncio.Future[Answer]"] = field(default_factory=dict)
    _ids: "itertools.count[int]" = field(default_factory=itertools.count)
    _process: str = field(default_factory=lambda: os.urandom(6).hex())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = time.perf_counter()
        headers = dict(scope["headers"])
        request_id = given_id(headers) or f"{self._process}-{next(self._ids):x}"
        common: list[Header] = [(b"x-request-id", request_id.encode()), *_ALWAYS]
        origin = headers.get(b"origin")
        if origin is not None:
            allow_origin(origin, self.settings.http.cors_origins, _EXPOSED, common)
        client: Client | None = None
        route, source = "", "none"
        status = 500
        try:
            client = self.clients.of(scope, headers)
            scope["pend.client"] = client
            scope["pend.request_id"] = request_id
            method = scope["method"]
            if method == "OPTIONS" and origin is not None:
                status = await preflight(headers, common, send, _METHODS)
                route = "preflight"
                return
            self._check(scope, headers)
            self.limiter.admit(client, scope["path"], common)
            target = _target(scope)
            answer = self.local.get(target)
            if answer is not None and self.tip.admits(answer, time.monotonic()):
                source = "local"
            else:
                answer, source = await self._fetch(target, scope, receive, send, common)
            if answer is None:  # it was sent already, piece by piece
                route = route_of(scope)
                status = scope.get("pend.status", 200)
                return
            route = answer.route
            if route in self.deprecated:
                common += self.deprecated[route]
            status = await self._send(answer, method, headers, common, send)
        except Exception as error:
            problem = problem_of(error, request_id)
            status, route = problem.status, route_of(scope)
            if scope.get("pend.started"):
                log.warning("an answer broke off", request_id=request_id, reason=problem.detail)
                raise
            await _send_problem(problem, scope, request_id, common, send)
        finally:
            if client is not None:
                self.metrics.observe(route, status, source, time.perf_counter() - begun)

    async def _fetch(
        self, target: bytes, scope: Scope, receive: Receive, send: Send, common: list[Header]
    ) -> tuple[Answer | None, str]:
        """From Redis or by the route, once for all who ask the same at the same time."""
        if scope["path"].startswith(_UNTIMED):
            return await self._ask(scope, receive, send, common), "stream"
        for _ in range(_FLIGHTS_MAX):
            flight = (target, self.tip.sequence)
            running = self._flights.get(flight)
            if running is not None:
                answer = await asyncio.shield(running)
                source = "joined"
            else:
                found, source = await self._fly(flight, target, scope, receive, send, common)
                if found is None:
                    return None, source
                answer = found
            # A reorg may have been announced while this was read: then it is read again.
            if answer.sequence >= self.tip.retracted or answer.lifetime is Lifetime.LIVE:
                return answer, source
        return answer, source

    async def _fly(
        self,
        flight: tuple[bytes, int],
        target: bytes,
        scope: Scope,
        receive: Receive,
        send: Send,
        common: list[Header],
    ) -> tuple[Answer | None, str]:
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._flights[flight] = future
        try:
            shared = self.shared if self.shared is not None and _is_shared(scope["path"]) else None
            if shared is not None:
                kept = await shared.get(target)
                if kept is not None and self.tip.admits(kept, time.monotonic()):
                    self._keep(target, kept)
                    future.set_result(kept)
                    return kept, "redis"
            answer = await self._ask(scope, receive, send, common)
            if answer is None:
                future.cancel()  # nobody can join what was streamed
                return None, "stream"
            answer.route = answer.route or route_of(scope)
            answer.stored_at = time.monotonic()
            if answer.lifetime is not Lifetime.LIVE or answer.ttl_s > 0:
                self._keep(target, answer)
                if shared is not None and answer.lifetime is not Lifetime.LIVE:
                    shared.put(target, answer)
            future.set_result(answer)
        except BaseException as error:
            if not future.done():
                if isinstance(error, Exception):
                    future.set_exception(error)
                    future.exception()  # heard, even if nobody has joined
                else:
                    future.cancel()
            raise
        else:
            return answer, "database"
        finally:
            self._flights.pop(flight, None)

    async def _ask(self, scope: Scope, receive: Receive, send: Send, common: list[Header]) -> Answer | None:
        """The route's answer; None when the route has sent it by itself."""

        async def pass_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                scope["pend.started"] = True
                scope["pend.status"] = message["status"]
                message["headers"] = [*message["headers"], *common]
            await send(message)

        below: Any = scope if scope["method"] == "GET" else {**scope, "method": "GET", "pend.head": True}
        if scope["path"].startswith(_UNTIMED):
            await self.app(below, receive, pass_on)
        else:
            await self._in_time(self.app(below, receive, pass_on))
        if "path_template" in below:
            scope["path_template"] = below["path_template"]
        if "pend.error" in below:
            raise below.pop("pend.error")
        answer: Answer | None = below.pop("pend.answer", None)
        return answer

    async def _in_time(self, work: Awaitable[None]) -> None:
        """As asyncio.timeout, at a third of its cost. Raises `TimedOut`."""
        task, late = asyncio.current_task(), False
        assert task is not None

        def give_up() -> None:
            nonlocal late
            late = True
            task.cancel()

        most_s = self.settings.http.request_timeout_s
        deadline = asyncio.get_running_loop().call_later(most_s, give_up)
        try:
            await work
        except asyncio.CancelledError:
            if not late or task.uncancel() > 0:
                raise
            raise TimedOut(
                f"no answer within {most_s:g} s; ask for less, or later", retry_after_s=1
            ) from None
        finally:
            deadline.cancel()

    def _keep(self, target: bytes, answer: Answer) -> None:
        if answer.ttl_s > 0:
            self.local.put(target, answer)

    async def _send(
        self, answer: Answer, method: str, headers: dict[bytes, bytes], common: list[Header], send: Send
    ) -> int:
        out = common
        if answer.block_number is not None:
            out += (
                (b"pend-block-number", b"%d" % answer.block_number),
                (b"pend-block-hash", (answer.block_hash or "").encode()),
                (b"pend-finality", (answer.finality or "").encode()),
                (b"pend-sequence", b"%d" % answer.sequence),
            )
        status, body = answer.status, answer.body
        if status == 200:
            etag = self._etag(answer)
            out.append((b"etag", etag))
            out.append((b"cache-control", self._cache_control(answer)))
            if matches(headers.get(b"if-none-match"), etag):
                status, body = 304, b""
        out += answer.headers
        if status != 304:
            out.append((b"content-type", answer.media_type.encode()))
            if len(body) >= _GZIP_FROM_BYTES and accepts_gzip(headers):
                if answer.gzipped is None:  # made once, kept with the answer
                    answer.gzipped = gzip.compress(body, compresslevel=1, mtime=0)
                body = answer.gzipped
                out.append((b"content-encoding", b"gzip"))
            out.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": status, "headers": out})
        await send(
            {"type": "http.response.body", "body": b"" if method == "HEAD" else body, "more_body": False}
        )
        return status

    def _etag(self, answer: Answer) -> bytes:
        """Of the outbox sequence, the database and the form of answers; weak, for gzip is another body."""
        if answer.lifetime is Lifetime.LIVE:
            return b'W/"%s-%x"' % (self.build.encode(), crc32(answer.body))
        return b'W/"%s-%x-%x-%x"' % (self.build.encode(), self.tip.founded, self.tip.era, answer.sequence)

    def _cache_control(self, answer: Answer) -> bytes:
        if answer.lifetime is Lifetime.IMMUTABLE:
            return b"public, max-age=31536000, immutable"
        if answer.lifetime is Lifetime.FINAL:
            return b"public, max-age=%d" % answer.ttl_s
        if answer.lifetime is Lifetime.HEAD and (seconds := int(self.next_block_in_s())) > 0:
            return b"public, max-age=%d, must-revalidate" % seconds
        return b"no-cache"

    def _check(self, scope: Scope, headers: dict[bytes, bytes]) -> None:
        """What can be refused before anything is read."""
        http = self.settings.http
        if scope["method"] not in {"GET", "HEAD"}:
            raise MethodNotAllowed(f"{scope['method']} is not known here; the API answers GET and HEAD")
        length = len(scope["raw_path"] or b"") + len(scope["query_string"])
        if length > http.target_bytes_max:
            raise TargetTooLong(
                f"path and query have {length} bytes, at most {http.target_bytes_max} are read"
            )
        body = headers.get(b"content-length", b"0")
        if not body.isdigit() or int(body) > http.body_bytes_max:
            shown = body.decode("latin-1")[:20]
            raise TooLarge(f"the body has {shown} bytes, at most {http.body_bytes_max} are read")


_ALWAYS: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"vary", b"Accept-Encoding, Origin"),
)
_EXPOSED = (
    b"ETag, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, RateLimit-Policy, "
    b"X-Request-Id, Pend-Block-Number, Pend-Block-Hash, Pend-Finality, Pend-Sequence, Pend-Complete, "
    b"Deprecation, Sunset, Link"
)
_METHODS = b"GET, HEAD"
_UNTIMED = ("/api/v1/export", "/api/v1/stream")
_POINT_READS = ("/api/v1/blocks/", "/api/v1/transactions/", "/api/v1/addresses/")


def _is_shared(path: str) -> bool:
    """Whether Redis is asked: a point read costs the database no more than a look into Redis."""
    return path.startswith("/api/") and not (path.startswith(_POINT_READS) and path.count("/") == 4)


def _target(scope: Scope) -> bytes:
    """What is asked for, whoever asks."""
    query = scope["query_string"]
    path = scope["path"].encode()
    if b"apikey=" in query.lower():
        query = b"&".join(part for part in query.split(b"&") if not part.lower().startswith(b"apikey="))
    return b"%s?%s" % (path, query) if query else path


async def _send_problem(
    problem: Problem, scope: Scope, request_id: str, common: list[Header], send: Send
) -> None:
    status, media_type = problem.status, problems.MEDIA_TYPE
    body = problems.encode(problem, scope["path"], request_id)
    if scope["path"].rstrip("/") in etherscan.PATHS and status in {429, 503}:
        # Its clients know no other refusal than their own envelope.
        status, media_type, body = (
            200,
            b"application/json",
            etherscan.refusal(etherscan.of_problem(problem)).body,
        )
    out = [
        *common,
        (b"content-type", media_type),
        (b"cache-control", b"no-store"),
        (b"content-length", b"%d" % len(body)),
    ]
    if "retry_after_s" in problem.members:
        out.append((b"retry-after", b"%d" % problem.members["retry_after_s"]))
    if problem.status == 405:
        out.append((b"allow", _METHODS))
    await send({"type": "http.response.start", "status": status, "headers": out})
    await send(
        {
            "type": "http.response.body",
            "body": b"" if scope["method"] == "HEAD" else body,
            "more_body": False,
        }
    )
