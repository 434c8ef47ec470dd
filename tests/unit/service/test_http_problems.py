"""Problems of any program have one shape; a program adds members, and only its own problems have them."""

import json
from typing import Any

import pytest
from litestar.exceptions import MethodNotAllowedException, NotFoundException, ValidationException

from postgres.errors import DatabaseError, PrivilegeMissing, StatementTimeout, Unavailable
from service.http import problems
from service.http.faults import problem_of
from service.http.problems import BadParameter, Busy, Problem


class Details(problems.ProblemDetails, omit_defaults=True):
    locked_until: str | None = None


class Locked(Problem):
    shape = Details
    status, type, title = 423, "/problems/locked", "This is locked"


def _told(problem: Problem) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(problems.encode(problem, "/api/v1/accounts", "abc-1"))
    return told


def test_program_adds_members_of_its_own() -> None:
    assert _told(Locked("locked after 5 attempts", locked_until="noon", retry_after_s=3)) == {
        "type": "/problems/locked",
        "title": "This is locked",
        "status": 423,
        "detail": "locked after 5 attempts",
        "instance": "/api/v1/accounts",
        "request_id": "abc-1",
        "locked_until": "noon",
        "retry_after_s": 3,
    }


def test_members_without_a_value_are_left_out() -> None:
    assert "locked_until" not in _told(Locked("locked"))
    assert "retry_after_s" not in _told(Busy("busy"))


def test_given_value_is_repeated_short_and_on_one_line() -> None:
    told = _told(BadParameter("name", "a\nb" + "c" * 100, "a word"))
    assert (told["field"], told["allowed"]) == ("name", "a word")
    assert "\n" not in told["detail"]
    assert len(told["detail"]) < 160


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Busy("busy"), 503),
        (NotFoundException(), 404),
        (MethodNotAllowedException(), 405),
        (ValidationException(extra=[{"key": "limit", "message": "Expected `int`"}]), 400),
        (StatementTimeout("late"), 503),
        (Unavailable("away"), 503),
        (PrivilegeMissing("no"), 503),
        (DatabaseError("no"), 503),
        (ZeroDivisionError("of ours"), 500),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Exception) else "",
)
def test_error_is_answered_with_its_status_and_nothing_of_our_inside(error: Exception, status: int) -> None:
    problem = problem_of(error, "abc-1")
    assert problem.status == status
    assert "of ours" not in problem.detail


def test_parameter_that_a_route_refuses_is_named() -> None:
    problem = problem_of(ValidationException(extra=[{"key": "limit", "message": "Expected `int`"}]), "abc-1")
    assert (_told(problem)["field"], _told(problem)["allowed"]) == ("limit", "`int`")
