"""What Solidity's decoder makes of bytes, type by type: slow, plain, and none of it shared with the compiled one."""

from typing import Any

from evm.abi.types import AbiType, Array, Blob, Component, Kind, Tuple, Word


class Refused(Exception):
    """Solidity's decoder would revert."""


def decode(members: tuple[Component, ...], data: bytes) -> tuple[Any, ...]:
    """Values as eth_abi gives them, strings as bytes. Raises `Refused`."""
    return _tuple(members, data, 0)


def _tuple(members: tuple[Component, ...], data: bytes, base: int) -> tuple[Any, ...]:
    heads = [32 if member.type.is_dynamic else _static_size(member.type) for member in members]
    _need(data, base, sum(heads))
    return tuple(
        _member(member.type, data, base, base + sum(heads[:at])) for at, member in enumerate(members)
    )


def _member(kind: AbiType, data: bytes, base: int, head: int) -> Any:
    return _value(kind, data, base + _number(data, head) if kind.is_dynamic else head)


def _value(kind: AbiType, data: bytes, at: int) -> Any:
    match kind:
        case Word():
            return _word(kind, data, at)
        case Blob():
            length = _number(data, at)
            _need(data, at + 32, length)
            return data[at + 32 : at + 32 + length]
        case Tuple(members):
            return _tuple(members, data, at)
        case Array(element, None):
            return _items(element, _number(data, at), data, at + 32)
        case Array(element, length):
            assert length is not None
            return _items(element, length, data, at)


def _items(element: AbiType, count: int, data: bytes, base: int) -> tuple[Any, ...]:
    step = 32 if element.is_dynamic else _static_size(element)
    _need(data, base, count * step)
    return tuple(_member(element, data, base, base + step * at) for at in range(count))


def _word(kind: Word, data: bytes, at: int) -> Any:
    number = _number(data, at)
    raw = number.to_bytes(32, "big")
    match kind.kind:
        case Kind.UINT:
            value: Any = number
            clean = number < 2**kind.size
        case Kind.INT:
            value = int.from_bytes(raw, "big", signed=True)
            clean = -(2 ** (kind.size - 1)) <= value < 2 ** (kind.size - 1)
        case Kind.ADDRESS:
            value, clean = raw[12:], number < 2**160
        case Kind.BOOL:
            value, clean = number == 1, number < 2
        case _:
            value, clean = raw[: kind.size], not any(raw[kind.size :])
    if not clean:
        raise Refused
    return value


def _static_size(kind: AbiType) -> int:
    match kind:
        case Array(element, length):
            assert length is not None
            return length * _static_size(element)
        case Tuple(members):
            return sum(_static_size(member.type) for member in members)
        case _:
            return 32


def _number(data: bytes, at: int) -> int:
    _need(data, at, 32)
    return int.from_bytes(data[at : at + 32], "big")


def _need(data: bytes, at: int, size: int) -> None:
    if at + size > len(data):
        raise Refused
