"""Whatever a route raises, as a problem: nothing of our inside, of PostgreSQL or of a library gets out."""

import re
from typing import Any

import structlog
from litestar import MediaType, Response
from litestar.exceptions import (
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
    ValidationException,
)
from litestar.types import ASGIApp, Receive, Scope, Send

from postgres.errors import DatabaseError, Retryable, StatementTimeout
from postgres.reader import ReaderBusy
from service.http.problems import (
    BadParameter,
    Busy,
    DatabaseAway,
    MethodNotAllowed,
    Problem,
    TimedOut,
    UnknownRoute,
)

log = structlog.get_logger(__name__)


class FaultResponse(Response[Any]):
    """What Litestar makes of an exception: the edge is handed the exception itself, as `pend.error`."""

    def __init__(self, error: Exception) -> None:
        super().__init__(content=b"", media_type=MediaType.JSON)
        self.error = error

    def to_asgi_response(self, *_: Any, **__: Any) -> ASGIApp:  # type: ignore[override]
        error = self.error

        async def hand_over(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
            scope["pend.error"] = error  # type: ignore[typeddict-unknown-key]

        return hand_over


def problem_of(error: Exception, request_id: str) -> Problem:
    """The problem to answer with; a defect is logged under the id that the reader is given."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, ValidationException):
        return _of_validation(error)
    if isinstance(error, NotFoundException):
        return UnknownRoute("there is no such route; /api/v1/openapi.json lists them all")
    if isinstance(error, MethodNotAllowedException):
        return MethodNotAllowed(
            "this route does not know this method; /api/v1/openapi.json lists what it does"
        )
    if isinstance(error, HTTPException) and error.status_code < 500:
        refused = Problem(str(error.detail))
        refused.status, refused.type, refused.title = error.status_code, "about:blank", "Refused"  # type: ignore[misc]
        return refused
    if isinstance(error, ReaderBusy):
        return Busy("every database connection is busy; ask again in a second", retry_after_s=1)
    if isinstance(error, StatementTimeout):
        return TimedOut("the database took too long for this; ask for a smaller range", retry_after_s=1)
    if isinstance(error, Retryable):
        log.warning("the database does not answer", request_id=request_id, reason=str(error))
        return DatabaseAway("the database does not answer; ask again soon", retry_after_s=5)
    if isinstance(error, DatabaseError):
        log.error("the database refuses", request_id=request_id, reason=str(error))
        return DatabaseAway("the database is not set up for this; its operator has to act", retry_after_s=60)
    log.error("defect", request_id=request_id, exc_info=error)
    return Problem(f"something is wrong here, not with the request; it is logged as {request_id}")


def _of_validation(error: ValidationException) -> Problem:
    for fault in error.extra or ():
        if isinstance(fault, dict):
            field = str(fault.get("key", "parameter"))
            message = re.sub(r"^Expected ", "", str(fault.get("message", error.detail)))
            return BadParameter(field, "refused", message)
    missing = re.search(r"Missing required \w+ parameter '(\w+)'", str(error.detail))
    if missing is not None:
        return BadParameter(missing[1], "not given", "a value: this parameter is required")
    return BadParameter("a parameter", "refused", str(error.detail))
