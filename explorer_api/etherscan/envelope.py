"""PURE. Etherscan's own shape of answers: {"status", "message", "result"} under HTTP 200, errors too."""

from typing import Any

import msgspec

from explorer_api.answer import Answer, Lifetime
from service.http.problems import Problem

PATHS = frozenset({"/api", "/v2/api"})
NO_TRANSACTIONS = "No transactions found"
NO_RECORDS = "No records found"


class Refused(Exception):
    """What Etherscan answers with status 0; `result` says why, or is null or empty where `message` does."""

    def __init__(self, result: str | list[str] | None, message: str = "NOTOK") -> None:
        super().__init__(str(result or message))
        self.result = result
        self.message = message


def wrapped(result: bytes, *, status: str = "1", message: str = "OK") -> bytes:
    """The envelope around a result that is JSON already."""
    parts = (
        b'{"status":"',
        status.encode(),
        b'","message":',
        msgspec.json.encode(message),
        b',"result":',
        result,
        b"}",
    )
    return b"".join(parts)


def json_rpc(member: str, content: Any) -> bytes:
    """What `module=proxy` answers: `member` is result or error."""
    return b'{"jsonrpc":"2.0","id":1,"%s":%s}' % (member.encode(), msgspec.json.encode(content))


def live(body: bytes, ttl_s: float = 0.0) -> Answer:
    """An answer that follows no outbox: the node's, or a refusal."""
    return Answer(body=body, sequence=0, lifetime=Lifetime.LIVE, ttl_s=ttl_s)


def refusal(refused: Refused) -> Answer:
    return live(wrapped(msgspec.json.encode(refused.result), status="0", message=refused.message))


def of_problem(problem: Problem) -> Refused:
    """A problem in Etherscan's words: its clients wait and ask again when they read `rate limit`."""
    if problem.status == 429:
        return Refused(f"Max rate limit reached: {problem.detail}")
    return Refused(f"Error! {problem.detail}")
