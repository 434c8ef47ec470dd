"""What a process may want to count about its node, told as it happens."""

from typing import Literal, Protocol

HeadSource = Literal["websocket", "polling"]


class NodeObserver(Protocol):
    """Called inline on the event loop: must return at once and never raise."""

    def on_request(self, endpoint: str, method: str, seconds: float, error_kind: str | None) -> None:
        """One HTTP request has ended; `method` is the JSON-RPC method, batches hold only one."""

    def on_retry(self, method: str, error_kind: str, wait_s: float) -> None:
        """An operation failed and is tried again after `wait_s`, or at once on another endpoint (0)."""

    def on_inconsistent(self, kind: str) -> None:
        """The node's answers disagreed with one another (invariant 5)."""

    def on_head_source(self, source: HeadSource) -> None:
        """Heads now come from `source`."""

    def on_set_aside(self, endpoint: str, reason: str) -> None:
        """Others are asked before this endpoint: an error's kind, "lagging", or "missing" for a block."""

    def on_disagreement(self, number: int) -> None:
        """Endpoints of this network give different hashes to one height."""


class SilentObserver:
    """Counts nothing."""

    def on_request(self, endpoint: str, method: str, seconds: float, error_kind: str | None) -> None: ...

    def on_retry(self, method: str, error_kind: str, wait_s: float) -> None: ...

    def on_inconsistent(self, kind: str) -> None: ...

    def on_head_source(self, source: HeadSource) -> None: ...

    def on_set_aside(self, endpoint: str, reason: str) -> None: ...

    def on_disagreement(self, number: int) -> None: ...
