"""HTTP under JSON-RPC: one session, bounded answers, foreign errors made ours without their URLs."""

import aiohttp
from yarl import URL

from node.errors import AnswerTooLarge, NodeTimeout, NodeUnreachable
from node.settings import NodeSettings

# Answers are hundreds of KB; the default of 64 KiB pauses the socket for each piece.
_READ_BUFFER_BYTES = 1024 * 1024


def open_session(settings: NodeSettings) -> aiohttp.ClientSession:
    """Keep-alive connections to every endpoint; no cookies, no proxy from the environment."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=0, limit_per_host=settings.connections_max, ssl=settings.tls_context()
        ),
        timeout=aiohttp.ClientTimeout(
            total=settings.request_timeout_s, sock_connect=settings.connect_timeout_s
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept-Encoding": "gzip", "User-Agent": "pend-indexer"},
        read_bufsize=_READ_BUFFER_BYTES,
    )


async def post(
    session: aiohttp.ClientSession,
    url: URL,
    body: bytes,
    *,
    headers: dict[str, str],
    endpoint: str,
    method: str,
    response_bytes_max: int,
) -> tuple[int, bytes]:
    """Status and body of the answer; raises NodeUnreachable, NodeTimeout, or AnswerTooLarge."""
    try:
        async with session.post(url, data=body, headers=headers, allow_redirects=False) as response:
            pieces: list[bytes] = []
            size = 0
            async for piece in response.content.iter_any():
                size += len(piece)
                if size > response_bytes_max:
                    response.close()  # nothing more of it is wanted, so the connection cannot be kept
                    raise AnswerTooLarge(
                        endpoint, method, status=response.status, detail=f"over {response_bytes_max} bytes"
                    )
                pieces.append(piece)
            return response.status, pieces[0] if len(pieces) == 1 else b"".join(pieces)
    except aiohttp.ConnectionTimeoutError:
        raise NodeUnreachable(endpoint, "no connection in time") from None
    except TimeoutError:
        raise NodeTimeout(endpoint, method, session.timeout.total or 0) from None
    except (aiohttp.ClientError, OSError) as error:
        # Not chained: aiohttp's own text holds the URL, and URLs hold keys.
        broke = not isinstance(error, aiohttp.ClientConnectorError)
        raise NodeUnreachable(endpoint, reason_of(error), broke=broke) from None


def reason_of(error: Exception) -> str:
    """What happened, without a URL."""
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return type(error).__name__
