"""The outermost layer of every request: correlation id, bounds, who asks and how often, problems, headers."""

import asyncio
import itertools
import os
import time
from dataclasses import dataclass, field

import structlog

from service.http import problems
from service.http.addresses import address_of
from service.http.asgi import ASGIApp, Header, Message, Receive, Scope, Send
from service.http.cors import allow_origin, preflight
from service.http.metrics import HttpMetrics
from service.http.problems import BadParameter, Problem, TargetTooLong, TimedOut, TooLarge
from service.http.requests import given_id, matches, route_of
from write_api.answer import Answer
from write_api.callers import caller_of
from write_api.credentials.access_tokens import AccessTokens
from write_api.faults import problem_of
from write_api.limiting import EXEMPT, Limiter
from write_api.problems import NotSignedIn
from write_api.session_cache import SessionCache
from write_api.settings import WriteSettings

log = structlog.get_logger(__name__)

_FORM_BYTES = 64 * 1024
"""What the parts of a form around a file may take."""
_ONCE = (b"authorization", b"content-type", b"idempotency-key", b"if-match")
"""Headers of which one has to be all: a proxy may have looked at another one than we do."""
_LENGTH_DIGITS_MAX = 20
_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE"
_EXPOSED = (
    b"ETag, Location, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, X-Request-Id, "
    b"Idempotency-Replayed"
)
_ALWAYS: tuple[Header, ...] = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"strict-transport-security", b"max-age=31536000; includeSubDomains"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-site"),
    (b"vary", b"Authorization, Origin"),
)


@dataclass(slots=True)
class Edge:
    """ASGI."""

    app: ASGIApp
    settings: WriteSettings
    tokens: AccessTokens
    sessions: SessionCache
    limiter: Limiter
    metrics: HttpMetrics
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
            allow_origin(origin, self.settings.write.cors_origins, _EXPOSED, common)
        status = 500
        try:
            if scope["method"] == "OPTIONS":
                status = await preflight(headers, common, send, _METHODS)
                return
            answer = await self._answer(scope, receive, headers, request_id, common)
            status = await _send(answer, scope, headers, common, send)
        except Exception as error:
            problem = problem_of(error, request_id)
            status = problem.status
            if scope.get("pend.started"):
                log.warning("an answer broke off", request_id=request_id, reason=problem.detail)
                raise
            await _send_problem(problem, scope, request_id, common, send)
        finally:
            self.metrics.observe(route_of(scope), status, "database", time.perf_counter() - begun)

    async def _answer(
        self,
        scope: Scope,
        receive: Receive,
        headers: dict[bytes, bytes],
        request_id: str,
        common: list[Header],
    ) -> Answer:
        write = self.settings.write
        bytes_max = self._check(scope, headers)
        address = address_of(scope, headers, write.trusted_proxies)
        who = caller_of(headers, request_id, address, self.tokens)
        scope["pend.caller"] = who
        if scope["path"] not in EXEMPT:
            self.limiter.admit(who, common)
        if who.claims is not None and await self.sessions.has_ended(who.claims.session):
            who.claims, who.refusal = None, NotSignedIn("this session has ended; sign in again")
        upload = _is_upload(scope)
        try:
            async with asyncio.timeout(write.upload_timeout_s if upload else write.request_timeout_s):
                await self.app(scope, _bounded(receive, bytes_max), _swallow)
        except TimeoutError:
            raise TimedOut(f"no answer within {write.request_timeout_s:g} s", retry_after_s=1) from None
        error: Exception | None = scope.get("pend.error")
        if error is not None:
            raise error
        answer: Answer = scope["pend.answer"]
        return answer

    def _check(self, scope: Scope, headers: dict[bytes, bytes]) -> int:
        """What can be refused before anything is read; how many bytes of body may come."""
        write = self.settings.write
        length = len(scope["raw_path"] or b"") + len(scope["query_string"])
        if length > write.target_bytes_max:
            raise TargetTooLong(
                f"path and query have {length} bytes, at most {write.target_bytes_max} are read"
            )
        if len(headers) < len(scope["headers"]):
            _refuse_twice(scope)
        bytes_max = write.body_bytes_max
        if _is_upload(scope):
            bytes_max = self.settings.storage.document_bytes_max + _FORM_BYTES
        given = headers.get(b"content-length", b"0")
        if not given.isdigit() or len(given) > _LENGTH_DIGITS_MAX or int(given) > bytes_max:
            shown = given.decode("latin-1")[:20]
            raise TooLarge(f"the body has {shown} bytes, at most {bytes_max} are read")
        return bytes_max


def _refuse_twice(scope: Scope) -> None:
    names = [name for name, _ in scope["headers"]]
    for name in _ONCE:
        if names.count(name) > 1:
            raise BadParameter(name.decode(), "given more than once", "one such header")


def _is_upload(scope: Scope) -> bool:
    path: str = scope["path"]
    return scope["method"] == "POST" and path.rstrip("/").endswith("/documents")


def _bounded(receive: Receive, bytes_max: int) -> Receive:
    """A body without a length is counted as it comes."""
    left = bytes_max

    async def bounded() -> Message:
        nonlocal left
        message = await receive()
        if message["type"] == "http.request":
            left -= len(message.get("body", b""))
            if left < 0:
                raise TooLarge(f"more than {bytes_max} bytes of body were sent")
        return message

    return bounded


async def _swallow(_message: Message) -> None:
    """Routes hand their answer over in the scope."""


async def _send(
    answer: Answer, scope: Scope, headers: dict[bytes, bytes], common: list[Header], send: Send
) -> int:
    status, body = answer.status, answer.body
    named = {name for name, _ in answer.headers_}
    out = [*(header for header in common if header[0] not in named), *answer.headers_]
    if answer.version is not None:
        etag = b'"%d"' % answer.version
        out.append((b"etag", etag))
        if (
            status == 200
            and scope["method"] in {"GET", "HEAD"}
            and matches(headers.get(b"if-none-match"), etag)
        ):
            status, body = 304, b""
    if status not in {204, 304}:
        out.append((b"content-type", answer.media_type_.encode()))
    scope["pend.started"] = True
    if answer.chunks is not None and scope["method"] != "HEAD":
        await send({"type": "http.response.start", "status": status, "headers": out})
        async for chunk in answer.chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return status
    if status not in {204, 304}:
        out.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": out})
    await send(
        {"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body, "more_body": False}
    )
    return status


async def _send_problem(
    problem: Problem, scope: Scope, request_id: str, common: list[Header], send: Send
) -> None:
    body = problems.encode(problem, scope["path"], request_id)
    out = [*common, (b"content-type", problems.MEDIA_TYPE), (b"content-length", b"%d" % len(body))]
    if "retry_after_s" in problem.members:
        out.append((b"retry-after", b"%d" % problem.members["retry_after_s"]))
    if problem.status == 401:
        out.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": problem.status, "headers": out})
    await send(
        {"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body, "more_body": False}
    )
