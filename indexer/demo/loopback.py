"""Plain HTTP to what the demo started on this machine; the environment's proxies do not matter here."""

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

_TIMEOUT_S = 5.0


class LoopbackFailed(OSError):
    """The peer did not answer, or refused."""


def get(url: str, token: str | None = None) -> str:
    return _request("GET", url, None, token)


def post(url: str, body: object) -> Any:
    """What is answered to a JSON body."""
    return json.loads(_request("POST", url, json.dumps(body)))


def rpc(url: str, method: str, *params: object) -> Any:
    """The result of one JSON-RPC call."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    answer = json.loads(_request("POST", url, body))
    if "error" in answer:
        raise LoopbackFailed(f"{method} was refused: {answer['error'].get('message')}")
    return answer["result"]


def _request(verb: str, url: str, body: str | None, token: str | None = None) -> str:
    parts = urlsplit(url)
    headers = {"Content-Type": "application/json"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    connection = http.client.HTTPConnection(parts.netloc, timeout=_TIMEOUT_S)
    try:
        connection.request(verb, parts.path or "/", body, headers)
        response = connection.getresponse()
        text = response.read().decode()
    except (OSError, http.client.HTTPException) as error:
        raise LoopbackFailed(f"{parts.netloc} does not answer: {error}") from error
    finally:
        connection.close()
    if response.status not in (http.client.OK, http.client.CREATED):
        raise LoopbackFailed(f"{parts.netloc} answered {response.status}")
    return text
