"""What can be wrong with a request to the explorer besides what is wrong everywhere (RFC 9457).

Problem (service.http.problems)
├── 400 RangeTooWide
├── 404 NotIndexed, NotDerived
├── 405 MethodNotAllowed
├── 409 CursorRetracted
├── 429 TooManyQueries
└── 502 NodeFailed
"""

from service.http import problems
from service.http.problems import Problem


class ProblemDetails(problems.ProblemDetails, omit_defaults=True):
    """RFC 9457. `type` is stable; `detail` says what, which numbers and what to do next."""

    indexed_from: int | None = None
    indexed_to: int | None = None
    restart_block: int | None = None
    """After a reorg: the highest block that both branches share; pages begin anew above it."""


class RangeTooWide(Problem):
    status, type, title = 400, "/problems/range-too-wide", "The range is too wide"


class NotIndexed(Problem):
    shape = ProblemDetails
    status, type, title = 404, "/problems/not-indexed", "This block is not indexed yet"


class NotDerived(Problem):
    shape = ProblemDetails
    status, type, title = 404, "/problems/not-derived", "These figures are not complete for this block"


class MethodNotAllowed(problems.MethodNotAllowed):
    title = "The API is read-only"


class CursorRetracted(Problem):
    shape = ProblemDetails
    status, type, title = (
        409,
        "/problems/cursor-retracted",
        "A reorg took back where the page ended",
    )


class TooManyQueries(Problem):
    status, type, title = 429, "/problems/too-many-queries", "Too many expensive queries at once"


class NodeFailed(Problem):
    status, type, title = 502, "/problems/node-failed", "The node did not answer"
