"""A refusal that is an answer: what led to it is committed, and who repeats the request is refused again."""

from typing import Any

from litestar import Request

from service.http import problems
from service.http.asgi import Header
from service.http.problems import Problem
from write_api.answer import Answer
from write_api.callers import caller


def refused(request: Request[Any, Any, Any], problem: Problem) -> Answer:
    """For work that leaves something behind although it refuses, such as an attempt that was used."""
    headers: list[Header] = []
    if "retry_after_s" in problem.members:
        headers.append((b"retry-after", b"%d" % problem.members["retry_after_s"]))
    if problem.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    body = problems.encode(problem, request.scope["path"], caller(request).request_id)
    return Answer(body, problem.status, None, problems.MEDIA_TYPE.decode(), tuple(headers))
