"""Contract wallets assembled by hand: one that asks for its owner's signature, and some that misbehave.

Each is what goes into the field `data` of a creation.
"""

_MUL, _LT, _EQ, _SHL, _SHR = b"\x02", b"\x10", b"\x14", b"\x1b", b"\x1c"
_CALLDATALOAD, _CODECOPY, _POP, _MLOAD, _MSTORE = b"\x35", b"\x39", b"\x50", b"\x51", b"\x52"
_JUMP, _GAS, _JUMPDEST, _DUP1 = b"\x56", b"\x5a", b"\x5b", b"\x80"
_RETURN, _STATICCALL, _REVERT = b"\xf3", b"\xfa", b"\xfd"
MAGIC = bytes.fromhex("1626ba7e")


def owned_by(owner: bytes) -> str:
    """`isValidSignature(bytes32,bytes)` says yes to r, s and v of `owner` over the hash (EIP-1271)."""
    code = _push(4) + _CALLDATALOAD + _push(0) + _MSTORE
    code += _push(0xA4) + _CALLDATALOAD + _push(0xF8) + _SHR + _push(0x20) + _MSTORE
    code += _push(0x64) + _CALLDATALOAD + _push(0x40) + _MSTORE
    code += _push(0x84) + _CALLDATALOAD + _push(0x60) + _MSTORE
    code += _push(0x20) + _push(0) + _push(0x80) + _push(0) + _push(1) + _GAS + _STATICCALL + _POP
    code += _push(0) + _MLOAD + _push(owner) + _EQ
    code += _push(MAGIC) + _push(0xE0) + _SHL + _MUL + _push(0) + _MSTORE
    return _creation(code + _push(0x20) + _push(0) + _RETURN)


def answering(answer: bytes) -> str:
    """Gives the same bytes to every call."""
    words = [answer[at : at + 32].ljust(32, b"\0") for at in range(0, len(answer), 32)]
    code = b"".join(_push(word) + _push(at * 32) + _MSTORE for at, word in enumerate(words))
    return _creation(code + _push(len(answer)) + _push(0) + _RETURN)


def agreeing_above(gas: int) -> str:
    """Says yes only where more than `gas` is left."""
    code = _GAS + _push(gas) + _LT + _push(MAGIC) + _push(0xE0) + _SHL + _MUL + _push(0) + _MSTORE
    return _creation(code + _push(0x20) + _push(0) + _RETURN)


def reverting_with(answer: bytes) -> str:
    return _creation(_push(answer) + _push(0) + _MSTORE + _push(0x20) + _push(0) + _REVERT)


def endless() -> str:
    """Runs until the gas is gone."""
    return _creation(_JUMPDEST + _push(0) + _JUMP)


def answering_much(size: int) -> str:
    return _creation(_push(size) + _push(0) + _RETURN)


def _creation(runtime: bytes) -> str:
    size = b"\x61" + len(runtime).to_bytes(2, "big")
    offset = len(size) + 1 + 2 + 2 + 1 + 2 + 1
    code = size + _DUP1 + _push(offset) + _push(0) + _CODECOPY + _push(0) + _RETURN
    assert len(code) == offset, "the runtime begins where the copy reads"
    return "0x" + (code + runtime).hex()


def _push(value: int | bytes) -> bytes:
    data = value if isinstance(value, bytes) else value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")
    return bytes([0x5F + len(data)]) + data
