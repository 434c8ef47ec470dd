"""Everything that can go wrong with a node. Endpoints are named by host only: URLs may hold keys.

NodeError
├── NodeRetryable         waiting, or another endpoint, may mend it
│   ├── NodeUnreachable   no connection, or it broke
│   ├── NodeTimeout       no answer in time
│   ├── NodeRefused       an answer that says "not now": 5xx, 429, limits, internal errors
│   │   └── AnswerTooLarge   too much asked for at once: ask for less
│   ├── AnswerGarbled     not JSON: cut short, or a page of something before the node
│   ├── NodeInconsistent  parts of the answer disagree, or are not what JSON-RPC promises (invariant 5)
│   └── BlockMissing      null for a block that should be there
└── NodeFatal             waiting mends nothing
    ├── WrongChain        another chain id (invariant 9)
    ├── WrongGenesis      same chain id, another genesis block (invariant 9)
    ├── EndpointsDisagree two endpoints, two hashes, one final block (invariant 6)
    ├── AccessDenied      login, token or host refused
    ├── MethodMissing     the method is unknown or its API is disabled
    └── CallRejected      the node understood the call and said no
"""

from collections.abc import Sequence
from typing import ClassVar


class NodeError(Exception):
    """Root of the tree; `kind` is a short label for metrics."""

    kind: ClassVar[str] = "node"


class NodeRetryable(NodeError):  # a branch: named by what the caller does
    """Waiting, or another endpoint, may mend it."""


class NodeUnreachable(NodeRetryable):
    """No connection to the node, or it broke before the answer was complete."""

    kind = "unreachable"

    def __init__(self, endpoint: str, reason: str, *, broke: bool = False) -> None:
        super().__init__(f"node {endpoint} cannot be reached: {reason}; check that it runs and its RPC port")
        self.endpoint = endpoint
        self.reason = reason
        self.broke = broke  # there was a connection, and it ended within the exchange


class NodeTimeout(NodeRetryable):
    """The node did not answer in time."""

    kind = "timeout"

    def __init__(self, endpoint: str, method: str, seconds: float) -> None:
        super().__init__(f"node {endpoint} did not answer {method} within {seconds:g} s")
        self.endpoint = endpoint
        self.method = method
        self.seconds = seconds


class NodeRefused(NodeRetryable):
    """The node answered "not now": an HTTP status or a JSON-RPC code that may pass."""

    kind = "refused"

    def __init__(
        self,
        endpoint: str,
        method: str,
        *,
        status: int | None = None,
        code: int | None = None,
        detail: str = "",
    ) -> None:
        what = f"HTTP {status}" if code is None else f"error {code}"
        super().__init__(f"node {endpoint} refused {method} with {what}" + (f": {detail}" if detail else ""))
        self.endpoint = endpoint
        self.method = method
        self.status = status
        self.code = code
        self.detail = detail


class AnswerTooLarge(NodeRefused):
    """Too much was asked for at once: batch limit, 413, 504, or more bytes than we accept."""

    kind = "too_large"


class AnswerGarbled(NodeRetryable):
    """The answer is not JSON. Says nothing about the blocks that were asked for."""

    kind = "garbled"

    def __init__(self, endpoint: str, method: str, size_bytes: int, reason: str) -> None:
        super().__init__(
            f"node {endpoint} answered {method} with {size_bytes} bytes that are not JSON ({reason}); "
            "check what stands between here and the node"
        )
        self.endpoint = endpoint
        self.method = method
        self.size_bytes = size_bytes
        self.reason = reason


class NodeInconsistent(NodeRetryable):
    """Parts of an answer disagree with one another, or lack what they must have; nothing of it is stored."""

    kind = "inconsistent"

    def __init__(self, kind: str, number: int | None, block_hash: str | None, detail: str) -> None:
        where = "answer" if number is None else f"block {number}"
        named = f" ({block_hash})" if block_hash else ""
        super().__init__(f"{where}{named} is inconsistent: {kind}: {detail}")
        self.inconsistency = kind
        self.number = number
        self.block_hash = block_hash
        self.detail = detail


class BlockMissing(NodeRetryable):
    """The node answers null for a block that should exist."""

    kind = "missing"

    def __init__(self, endpoint: str, block: int | str) -> None:
        super().__init__(
            f"node {endpoint} has no block {block}; it may lag behind, or be pruned below this number"
        )
        self.endpoint = endpoint
        self.block = block


class NodeFatal(NodeError):  # a branch: named by what the caller does
    """Waiting mends nothing: configuration, or the node, must change."""


class WrongChain(NodeFatal):
    """The endpoint serves another chain id than the one recorded (invariant 9)."""

    kind = "wrong_chain"

    def __init__(self, endpoint: str, expected: int, found: int) -> None:
        super().__init__(
            f"node {endpoint} serves chain id {found}, expected {expected}; "
            "point the indexer at the right node, or at another database"
        )
        self.endpoint = endpoint
        self.expected = expected
        self.found = found


class WrongGenesis(NodeFatal):
    """The endpoint's genesis block is not the one recorded (invariant 9)."""

    kind = "wrong_genesis"

    def __init__(self, endpoint: str, expected: str, found: str) -> None:
        super().__init__(
            f"node {endpoint} has genesis {found}, expected {expected}; "
            "the network was probably re-created: index it into a new database"
        )
        self.endpoint = endpoint
        self.expected = expected
        self.found = found


class EndpointsDisagree(NodeFatal):
    """Endpoints of one network give different hashes to a block that can no longer change (invariant 6)."""

    kind = "endpoints_disagree"

    def __init__(self, number: int, hashes: Sequence[tuple[str, str]]) -> None:
        said = ", ".join(f"{endpoint} says {hash_}" for endpoint, hash_ in hashes)
        super().__init__(
            f"endpoints disagree about final block {number}: {said}; "
            "find out which one is right and take the others out of node.urls"
        )
        self.number = number
        self.hashes = tuple(hashes)


class AccessDenied(NodeFatal):
    """The node refuses our login, token or host name."""

    kind = "access_denied"

    def __init__(self, endpoint: str, detail: str) -> None:
        super().__init__(f"node {endpoint} denies access: {detail}")
        self.endpoint = endpoint
        self.detail = detail


class MethodMissing(NodeFatal):
    """The method is unknown to the node (-32601) or its API is not enabled (-32604)."""

    kind = "method_missing"

    def __init__(self, endpoint: str, method: str, code: int) -> None:
        api = method.partition("_")[0].upper()
        super().__init__(
            f"node {endpoint} does not serve {method} (error {code}); "
            f"on Besu add {api} to --rpc-http-api, or use a version that has it"
        )
        self.endpoint = endpoint
        self.method = method
        self.code = code


class CallRejected(NodeFatal):
    """The node understood the call and said no; asking again gives the same answer."""

    kind = "rejected"

    def __init__(self, endpoint: str, method: str, code: int, message: str, data: object = None) -> None:
        super().__init__(f"node {endpoint} rejected {method} with error {code}: {message}")
        self.endpoint = endpoint
        self.method = method
        self.code = code
        self.message = message
        self.data = data
