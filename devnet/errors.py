"""JSON-RPC errors with Besu's codes and messages (RpcErrorType.java)."""

from typing import Any


class RpcError(Exception):
    """An error object of an answer; `data` is left out when absent."""

    def __init__(self, code: int, message: str, data: str | None = None) -> None:
        self.code = code
        self.message = message
        self.data = data
        super().__init__(f"{code} {message}")

    def answer(self) -> dict[str, Any]:
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.data is not None:
            error["data"] = self.data
        return error


def parse_error() -> RpcError:
    return RpcError(-32700, "Parse error")


def invalid_request() -> RpcError:
    return RpcError(-32600, "Invalid Request")


def method_not_found() -> RpcError:
    return RpcError(-32601, "Method not found")


def method_not_enabled() -> RpcError:
    return RpcError(-32604, "Method not enabled")


def invalid_params(what: str = "Invalid params") -> RpcError:
    return RpcError(-32602, what)


def internal_error() -> RpcError:
    return RpcError(-32603, "Internal error")


def unknown_block() -> RpcError:
    return RpcError(-39001, "Unknown block")


def block_not_found() -> RpcError:
    return RpcError(-32000, "Block not found")


def world_state_unavailable() -> RpcError:
    return RpcError(-32000, "World state unavailable")


def execution_reverted(data: bytes, reason: str | None) -> RpcError:
    message = "Execution reverted" if reason is None else f"Execution reverted: {reason}"
    return RpcError(-32000, message, "0x" + data.hex())


def range_exceeded() -> RpcError:
    return RpcError(-32005, "Requested range exceeds maximum RPC range limit")


def batch_exceeded() -> RpcError:
    return RpcError(-32005, "Number of requests exceeds max batch size")


def subscription_not_found() -> RpcError:
    return RpcError(-32000, "Subscription not found")


def unauthorized() -> RpcError:
    return RpcError(-40100, "Unauthorized")
