"""Whatever a route of the explorer raises, as a problem."""

import structlog
from litestar.exceptions import MethodNotAllowedException

from explorer_api.problems import MethodNotAllowed, NodeFailed
from node.errors import NodeError
from service.http import faults
from service.http.problems import Problem

log = structlog.get_logger(__name__)


def problem_of(error: Exception, request_id: str) -> Problem:
    """As of every program, and what is the explorer's: it only reads, and asks a node."""
    if isinstance(error, MethodNotAllowedException):
        return MethodNotAllowed("this method is not known here; the API answers GET and HEAD")
    if isinstance(error, NodeError):
        log.warning("the node does not answer", request_id=request_id, reason=str(error))
        return NodeFailed("the node did not answer; what is indexed is served all the same")
    return faults.problem_of(error, request_id)
