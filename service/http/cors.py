"""Who may read answers from a page of another origin."""

from collections.abc import Collection

from service.http.asgi import Header, Send

_REQUESTED_BYTES_MAX = 1_024
_KEPT_S = 86_400


def allow_origin(origin: bytes, allowed_origins: Collection[str], exposed: bytes, out: list[Header]) -> None:
    """Adds what lets pages of an allowed origin read an answer and its `exposed` headers; else nothing."""
    if "*" in allowed_origins:
        out.append((b"access-control-allow-origin", b"*"))
    elif origin.decode("latin-1") in allowed_origins:
        out.append((b"access-control-allow-origin", origin))
    else:
        return
    out.append((b"access-control-expose-headers", exposed))


async def preflight(headers: dict[bytes, bytes], common: list[Header], send: Send, methods: bytes) -> int:
    """Answers what a browser asks before a request of another origin; its status."""
    requested = headers.get(b"access-control-request-headers", b"")[:_REQUESTED_BYTES_MAX]
    out = [
        *common,
        (b"access-control-allow-methods", methods),
        (b"access-control-allow-headers", requested),
        (b"access-control-max-age", b"%d" % _KEPT_S),
        (b"content-length", b"0"),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": out})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
    return 204
