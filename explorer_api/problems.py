"""Everything that can be wrong with a request, in one shape (RFC 9457), and the errors that say it.

Problem
├── 400 BadParameter, RangeTooWide, CursorMalformed
├── 404 NotFound, NotIndexed, NotDerived, UnknownRoute
├── 405 MethodNotAllowed
├── 409 CursorRetracted
├── 413, 414 TooLarge
├── 429 TooManyRequests, TooManyQueries
├── 501 NotSupported
├── 502 NodeFailed
└── 503 DatabaseAway, Busy, TimedOut
"""

from typing import Any, ClassVar

import msgspec

MEDIA_TYPE = b"application/problem+json"


class ProblemDetails(msgspec.Struct, omit_defaults=True):
    """RFC 9457. `type` is stable; `detail` says what, which numbers and what to do next."""

    type: str
    title: str
    status: int
    detail: str
    instance: str = ""
    request_id: str = ""
    field: str | None = None
    """The parameter that is wrong."""
    allowed: str | None = None
    """What the parameter may be."""
    indexed_from: int | None = None
    indexed_to: int | None = None
    restart_block: int | None = None
    """After a reorg: the highest block that both branches share; pages begin anew above it."""
    retry_after_s: int | None = None


class Problem(Exception):
    """Base of ours. Raised anywhere below a route; the edge makes the answer of it."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "about:blank"
    title: ClassVar[str] = "Internal error"

    def __init__(self, detail: str, **members: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.members = members

    def details(self, instance: str, request_id: str) -> ProblemDetails:
        return ProblemDetails(
            type=self.type,
            title=self.title,
            status=self.status,
            detail=self.detail,
            instance=instance,
            request_id=request_id,
            **self.members,
        )


class BadParameter(Problem):
    status, type, title = 400, "/problems/bad-parameter", "A parameter is wrong"

    def __init__(self, field: str, given: object, allowed: str) -> None:
        super().__init__(f"{field} is {_shown(given)}; allowed is {allowed}", field=field, allowed=allowed)


class RangeTooWide(Problem):
    status, type, title = 400, "/problems/range-too-wide", "The range is too wide"


class CursorMalformed(Problem):
    status, type, title = 400, "/problems/cursor-malformed", "The cursor is not one of this list"


class NotFound(Problem):
    status, type, title = 404, "/problems/not-found", "There is no such thing"


class NotIndexed(Problem):
    status, type, title = 404, "/problems/not-indexed", "This block is not indexed yet"


class NotDerived(Problem):
    status, type, title = 404, "/problems/not-derived", "These figures are not complete for this block"


class UnknownRoute(Problem):
    status, type, title = 404, "/problems/unknown-route", "There is no such route"


class MethodNotAllowed(Problem):
    status, type, title = 405, "/problems/method-not-allowed", "The API is read-only"


class CursorRetracted(Problem):
    status, type, title = (
        409,
        "/problems/cursor-retracted",
        "A reorg took back where the page ended",
    )


class TooLarge(Problem):
    status, type, title = 413, "/problems/too-large", "The request is too large"


class TargetTooLong(Problem):
    status, type, title = 414, "/problems/target-too-long", "The path and query are too long"


class TooManyRequests(Problem):
    status, type, title = 429, "/problems/too-many-requests", "Too many requests"


class TooManyQueries(Problem):
    status, type, title = 429, "/problems/too-many-queries", "Too many expensive queries at once"


class NotSupported(Problem):
    status, type, title = 501, "/problems/not-supported", "Not supported here"


class NodeFailed(Problem):
    status, type, title = 502, "/problems/node-failed", "The node did not answer"


class DatabaseAway(Problem):
    status, type, title = 503, "/problems/database-away", "The database does not answer"


class Busy(Problem):
    status, type, title = 503, "/problems/busy", "The server is busy"


class TimedOut(Problem):
    status, type, title = 503, "/problems/timed-out", "The answer took too long"


def encode(problem: Problem, instance: str, request_id: str) -> bytes:
    return msgspec.json.encode(problem.details(instance, request_id))


_SHOWN_CHARACTERS_MAX = 80


def _shown(given: object) -> str:
    """What was given, as it may be repeated: short, and one line."""
    text = given if isinstance(given, str) else str(given)
    short = text if len(text) <= _SHOWN_CHARACTERS_MAX else f"{text[:_SHOWN_CHARACTERS_MAX]}… ({len(text)})"
    return ascii(short)
