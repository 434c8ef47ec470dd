"""What is read of a request before any route."""

import pytest

from service.http.requests import accepts_gzip, given_id, matches


@pytest.mark.parametrize(
    ("headers", "id_"),
    [
        ({}, None),
        ({b"x-request-id": b"job-17_a"}, "job-17_a"),
        ({b"x-correlation-id": b"job-17"}, "job-17"),
        ({b"x-request-id": b"a" * 64}, "a" * 64),
        ({b"x-request-id": b"a" * 65}, None),
        ({b"x-request-id": b"a\nforged line"}, None),
        ({b"x-request-id": b"\xff\xfe"}, None),
        ({b"x-request-id": b"--"}, None),
    ],
)
def test_id_of_the_caller_is_taken_when_it_may_be_repeated(
    headers: dict[bytes, bytes], id_: str | None
) -> None:
    assert given_id(headers) == id_


@pytest.mark.parametrize(
    ("accepted", "does"),
    [(None, False), (b"br", False), (b"br, gzip", True), (b"gzip; q=0", False), (b"gzip;q=0.5", False)],
)
def test_gzip_is_sent_to_whoever_says_it_without_doubt(accepted: bytes | None, does: bool) -> None:
    assert accepts_gzip({} if accepted is None else {b"accept-encoding": accepted}) is does


@pytest.mark.parametrize(
    ("given", "does"),
    [
        (None, False),
        (b'W/"a"', True),
        (b'"a"', True),
        (b'"b", W/"a"', True),
        (b"*", True),
        (b'"b"', False),
    ],
)
def test_version_that_the_caller_has_is_recognised(given: bytes | None, does: bool) -> None:
    assert matches(given, b'W/"a"') is does
