"""What can be wrong with a request to any program, in one shape (RFC 9457), and the errors that say it.

Problem
├── 400 BadParameter, CursorMalformed
├── 404 NotFound, UnknownRoute
├── 405 MethodNotAllowed
├── 413, 414 TooLarge, TargetTooLong
├── 429 TooManyRequests
├── 501 NotSupported
└── 503 DatabaseAway, Busy, TimedOut

Programs add errors as subclasses, and members of the shape by a `shape` of their own.
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
    retry_after_s: int | None = None


class Problem(Exception):
    """Base of ours. Raised anywhere below a route; the edge makes the answer of it."""

    shape: ClassVar[type[ProblemDetails]] = ProblemDetails
    status: ClassVar[int] = 500
    type: ClassVar[str] = "about:blank"
    title: ClassVar[str] = "Internal error"

    def __init__(self, detail: str, **members: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.members = members

    def details(self, instance: str, request_id: str) -> ProblemDetails:
        return self.shape(
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


class CursorMalformed(Problem):
    status, type, title = 400, "/problems/cursor-malformed", "The cursor is not one of this list"


class NotFound(Problem):
    status, type, title = 404, "/problems/not-found", "There is no such thing"


class UnknownRoute(Problem):
    status, type, title = 404, "/problems/unknown-route", "There is no such route"


class MethodNotAllowed(Problem):
    status, type, title = 405, "/problems/method-not-allowed", "This method is not known here"


class TooLarge(Problem):
    status, type, title = 413, "/problems/too-large", "The request is too large"


class TargetTooLong(Problem):
    status, type, title = 414, "/problems/target-too-long", "The path and query are too long"


class TooManyRequests(Problem):
    status, type, title = 429, "/problems/too-many-requests", "Too many requests"


class NotSupported(Problem):
    status, type, title = 501, "/problems/not-supported", "Not supported here"


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
