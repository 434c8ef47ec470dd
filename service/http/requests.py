"""PURE. What is read of a request before any route, and of what a caller accepts."""

from service.http.asgi import Scope

_ID_BYTES_MAX = 64


def given_id(headers: dict[bytes, bytes]) -> str | None:
    """The caller's own correlation id, when it is fit to be repeated and logged."""
    given = headers.get(b"x-request-id") or headers.get(b"x-correlation-id")
    if (
        given is None
        or len(given) > _ID_BYTES_MAX
        or not given.replace(b"-", b"").replace(b"_", b"").isalnum()
    ):
        return None
    return given.decode()


def route_of(scope: Scope) -> str:
    """The template of the route that answered, so that labels stay few."""
    return str(scope.get("path_template") or "unknown")


def accepts_gzip(headers: dict[bytes, bytes]) -> bool:
    accepted = headers.get(b"accept-encoding")
    return accepted is not None and b"gzip" in accepted and b"gzip;q=0" not in accepted.replace(b" ", b"")


def matches(if_none_match: bytes | None, etag: bytes) -> bool:
    """Whether the caller has this version already; weak and strong are the same to it."""
    if if_none_match is None:
        return False
    return if_none_match == etag or any(
        part.strip() in {etag, b"*", etag.removeprefix(b"W/")} for part in if_none_match.split(b",")
    )
