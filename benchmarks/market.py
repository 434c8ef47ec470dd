"""A contract assembled by hand that emits four to six events a call, as a trading pair does."""

from evm.primitives import keccak256, to_hex

_CALLDATASIZE, _CALLDATACOPY, _CALLDATALOAD, _CALLER, _ADDRESS = (
    bytes([code]) for code in (0x36, 0x37, 0x35, 0x33, 0x30)
)
_LT, _ISZERO, _SUB, _CODECOPY, _JUMPI, _JUMPDEST, _RETURN, _STOP = (
    bytes([code]) for code in (0x10, 0x15, 0x03, 0x39, 0x57, 0x5B, 0xF3, 0x00)
)
_WORD = 32
_SELECTOR = keccak256(b"trade(address,uint256,uint256,uint256)")[:4]
_TO, _AMOUNTS, _EXTRA = 0, 1, 3  # words of the call


def _push(value: int | bytes) -> bytes:
    data = value if isinstance(value, bytes) else value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")
    return bytes([0x5F + len(data)]) + data


def _push_word_of_call(word: int) -> bytes:
    return _push(4 + word * _WORD) + _CALLDATALOAD


def _log(signature: str, topics: tuple[bytes, ...], first_word: int, words: int) -> bytes:
    """One event: `topics` are pieces of code that leave a word each; data are words of the call."""
    below = b"".join(reversed(topics))
    topic0 = _push(keccak256(signature.encode()))
    return below + topic0 + _push(words * _WORD) + _push(first_word * _WORD) + bytes([0xA1 + len(topics)])


def _unless_extra(count: int, at: int, then: bytes) -> bytes:
    """`then`, which begins at byte `at` of the code, unless the call asks for fewer extra events."""
    skip = len(_push(count) + _push_word_of_call(_EXTRA) + _LT) + 3 + 1
    condition = _push(count) + _push_word_of_call(_EXTRA) + _LT
    end = at + skip + len(then)
    return condition + b"\x61" + end.to_bytes(2, "big") + _JUMPI + then + _JUMPDEST


def _runtime() -> bytes:
    to = _push_word_of_call(_TO)
    # The words of the call, without its selector, become memory.
    code = _push(4) + _CALLDATASIZE + _SUB + _push(4) + _push(0) + _CALLDATACOPY
    transfer = "Transfer(address,address,uint256)"
    code += _log(transfer, (_CALLER, _ADDRESS), _AMOUNTS, 1)
    code += _log(transfer, (_ADDRESS, to), _AMOUNTS + 1, 1)
    code += _log("Sync(uint112,uint112)", (), _AMOUNTS, 2)
    code += _log("Swap(address,uint256,uint256,uint256,uint256,address)", (_CALLER, to), 0, 4)
    code += _unless_extra(
        1, len(code), _log("Fee(address,address,address,uint256)", (_ADDRESS, _CALLER, to), 1, 1)
    )
    code += _unless_extra(2, len(code), _log("Referred(address,uint256)", (), 0, 2))
    return code + _STOP


def init_code() -> str:
    """What a contract creation sends."""
    runtime = _runtime()
    size = b"\x61" + len(runtime).to_bytes(2, "big")
    for prefix in range(64):
        head = size + _push(prefix) + _push(0) + _CODECOPY + size + _push(0) + _RETURN
        if len(head) == prefix:
            return to_hex(head + runtime)
    raise AssertionError("the prefix has no fixed length")


def trade_input(to: str, amount_in: int, amount_out: int, extra_events: int) -> str:
    """The call that emits `4 + extra_events` events, two of them ERC-20 transfers."""
    words = (int(to, 16), amount_in, amount_out, extra_events)
    return to_hex(_SELECTOR + b"".join(word.to_bytes(_WORD, "big") for word in words))
