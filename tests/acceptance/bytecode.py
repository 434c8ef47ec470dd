"""Contracts that no package carries, assembled by hand: a clone, odd tokens, something that upgrades itself.

Each is what goes into the field `data` of a creation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from eth_utils.abi import function_signature_to_4byte_selector as selector
from eth_utils.crypto import keccak

_ADD, _SUB, _EQ, _SHR = b"\x01", b"\x03", b"\x14", b"\x1c"
_CALLER, _CALLDATALOAD, _CODECOPY = b"\x33", b"\x35", b"\x39"
_MSTORE, _SLOAD, _SSTORE, _JUMPI, _JUMPDEST = b"\x52", b"\x54", b"\x55", b"\x57", b"\x5b"
_DUP1, _LOG1, _LOG3, _RETURN, _REVERT = b"\x80", b"\xa1", b"\xa3", b"\xf3", b"\xfd"

_WORD = 32
_DISPATCH_BYTES = 11  # of each function
IMPLEMENTATION_SLOT = int.from_bytes(keccak(text="eip1967.proxy.implementation"), "big") - 1
ODDITY = "Oddity()"
"""An event of `odd_token` that no ABI declares."""


def clone(original: str) -> str:
    """A minimal proxy, with the creation code that EIP-1167 names."""
    address = original.removeprefix("0x").lower()
    return f"0x3d602d80600a3d3981f3363d3d373d3d3d363d73{address}5af43d82803e903d91602b57fd5bf3"


def odd_token(supply: int, answers: Mapping[str, bytes]) -> str:
    """An ERC-20 whose creator holds all, and which answers `answers` (by function) to what it is asked.

    Whatever is not named there reverts. Its transfers are ordinary, each with an `Oddity()` before it.
    """
    balance_of = _push_argument(0) + _SLOAD + _push(0) + _MSTORE + _return_word()
    functions = {
        "transfer(address,uint256)": _transfer(),
        "balanceOf(address)": balance_of,
        **{f"{name}()": _answer(answer) for name, answer in answers.items()},
    }
    topic = _push(keccak(text="Transfer(address,address,uint256)"))
    create = _push(supply) + _CALLER + _SSTORE + _push(supply) + _push(0) + _MSTORE
    create += _CALLER + _push(0) + topic + _push(_WORD) + _push(0) + _LOG3
    return _creation(create, _contract(functions))


def noting(event: str, first_topic: bytes | None = None) -> str:
    """What a UUPS proxy (EIP-1822) points to: `upgradeTo(address)`, and `note(uint256)` which emits `event`.

    The event has two topics, the second being `first_topic` or else the caller, and the number as its data.
    """
    topic1 = _CALLER if first_topic is None else _push(first_topic)
    slot = _push(IMPLEMENTATION_SLOT)
    note = _push_argument(0) + _push(0) + _MSTORE + topic1 + _push(keccak(text=event))
    note += _push(_WORD) + _push(0) + b"\xa2" + b"\x00"
    upgraded = _push_argument(0) + _push(keccak(text="Upgraded(address)")) + _push(0) * 2 + b"\xa2"
    functions = {
        "upgradeTo(address)": _push_argument(0) + slot + _SSTORE + upgraded + b"\x00",
        "note(uint256)": note,
        "proxiableUUID()": slot + _push(0) + _MSTORE + _return_word(),
    }
    return _creation(b"", _contract(functions))


def _transfer() -> bytes:
    caller, to, amount = _CALLER, _push_argument(0), _push_argument(1)
    code = _push(keccak(text=ODDITY)) + _push(0) * 2 + _LOG1
    code += amount + caller + _SLOAD + _SUB + caller + _SSTORE
    code += amount + to + _SLOAD + _ADD + to + _SSTORE
    code += amount + _push(0) + _MSTORE
    code += to + caller + _push(keccak(text="Transfer(address,address,uint256)"))
    code += _push(_WORD) + _push(0) + _LOG3
    return code + _push(1) + _push(0) + _MSTORE + _return_word()


def _answer(answer: bytes) -> bytes:
    words = [answer[at : at + _WORD].ljust(_WORD, b"\0") for at in range(0, len(answer), _WORD)]
    stored = [_push(word) + _push(at * _WORD) + _MSTORE for at, word in enumerate(words)]
    return b"".join(stored) + _push(len(answer)) + _push(0) + _RETURN


def _contract(functions: Mapping[str, bytes]) -> bytes:
    """Runtime code that runs a function by its selector and reverts for every other call."""
    start = _push(0) + _CALLDATALOAD + _push(0xE0) + _SHR
    end = _push(0) + _DUP1 + _REVERT
    bodies: Sequence[bytes] = [_JUMPDEST + body for body in functions.values()]
    at = len(start) + _DISPATCH_BYTES * len(functions) + len(end)
    code = start
    for signature, body in zip(functions, bodies, strict=True):
        code += _DUP1 + b"\x63" + selector(signature) + _EQ + b"\x61" + at.to_bytes(2, "big") + _JUMPI
        at += len(body)
    return code + end + b"".join(bodies)


def _creation(first: bytes, runtime: bytes) -> str:
    size = b"\x61" + len(runtime).to_bytes(2, "big")
    copy_bytes = 3 + 1 + 2 + 2 + 1 + 2 + 1
    offset = (len(first) + copy_bytes).to_bytes(1, "big")
    code = first + size + _DUP1 + b"\x60" + offset + _push(0) + _CODECOPY + _push(0) + _RETURN
    assert len(code) == offset[0], "the runtime begins where the copy reads"
    return "0x" + (code + runtime).hex()


def _push(value: int | bytes) -> bytes:
    data = value if isinstance(value, bytes) else value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")
    return bytes([0x5F + len(data)]) + data


def _push_argument(number: int) -> bytes:
    return _push(4 + _WORD * number) + _CALLDATALOAD


def _return_word() -> bytes:
    return _push(_WORD) + _push(0) + _RETURN
