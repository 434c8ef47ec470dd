"""ABI types as frozen values, and the text forms that JSON ABIs give them.

Canonical text and sizes follow the contract ABI specification ("Types", "Formal Specification").
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

WORD = 32

# A compiled contract comes nowhere near these. They keep a hostile ABI from making endless types or source.
DEPTH_MAX = 32
HEAD_BYTES_MAX = 2**31
_SHOWN_CHARACTERS_MAX = 60

_WORDS = re.compile(r"(uint|int|bytes|ufixed|fixed)([0-9]{1,3})(?:x([0-9]{1,2}))?")
_ARRAYS = re.compile(r"(?:\[[0-9]*\])*")
_ALIASES = {"uint": "uint256", "int": "int256", "fixed": "fixed128x18", "ufixed": "ufixed128x18"}


class Kind(StrEnum):
    """What one 32-byte word holds."""

    UINT = "uint"
    INT = "int"
    UFIXED = "ufixed"
    FIXED = "fixed"
    ADDRESS = "address"
    BOOL = "bool"
    BYTES = "bytes"
    FUNCTION = "function"


@dataclass(frozen=True, slots=True)
class Word:
    """A value in one word. `size`: bits of a number, bytes of bytesN; `places`: decimals of (u)fixed."""

    kind: Kind
    size: int = 0
    places: int = 0

    @property
    def canonical(self) -> str:
        match self.kind:
            case Kind.UINT | Kind.INT | Kind.BYTES:
                return f"{self.kind}{self.size}"
            case Kind.UFIXED | Kind.FIXED:
                return f"{self.kind}{self.size}x{self.places}"
            case _:
                return str(self.kind)

    @property
    def is_dynamic(self) -> bool:
        return False

    @property
    def head_size(self) -> int:
        return WORD


@dataclass(frozen=True, slots=True)
class Blob:
    """`bytes` or `string`: a length and that many bytes."""

    is_text: bool

    @property
    def canonical(self) -> str:
        return "string" if self.is_text else "bytes"

    @property
    def is_dynamic(self) -> bool:
        return True

    @property
    def head_size(self) -> int:
        return WORD


@dataclass(frozen=True, slots=True)
class Array:
    """`T[]`, or `T[k]` where `length` is k."""

    element: "AbiType"
    length: int | None

    @property
    def canonical(self) -> str:
        return f"{self.element.canonical}[{'' if self.length is None else self.length}]"

    @property
    def is_dynamic(self) -> bool:
        return self.length is None or self.element.is_dynamic

    @property
    def head_size(self) -> int:
        if self.is_dynamic or self.length is None:
            return WORD
        return self.length * self.element.head_size


@dataclass(frozen=True, slots=True)
class Component:
    """A named (or, with an empty name, unnamed) member of a tuple."""

    name: str
    type: "AbiType"


@dataclass(frozen=True, slots=True)
class Tuple:
    components: tuple[Component, ...]

    @property
    def canonical(self) -> str:
        return f"({','.join(component.type.canonical for component in self.components)})"

    @property
    def is_dynamic(self) -> bool:
        return any(component.type.is_dynamic for component in self.components)

    @property
    def head_size(self) -> int:
        return WORD if self.is_dynamic else heads_size(self.components)


AbiType: TypeAlias = Word | Blob | Array | Tuple


class TypeInvalid(ValueError):
    """Text that names no ABI type."""


def shown(text: str) -> str:
    """Quoted, and cut where it would flood a message."""
    cut = text if len(text) <= _SHOWN_CHARACTERS_MAX else f"{text[:_SHOWN_CHARACTERS_MAX]}…"
    return repr(cut)


def heads_size(components: Sequence[Component]) -> int:
    """Bytes of the head part of a tuple's encoding: an offset stands for what is dynamic."""
    return sum(component.type.head_size for component in components)


def split_arrays(text: str) -> tuple[str, tuple[int | None, ...]]:
    """Base and dimensions: `uint8[2][]` is `uint8` and (2, None)."""
    base, bracket, rest = text.partition("[")
    suffix = bracket + rest
    if _ARRAYS.fullmatch(suffix) is None:
        raise TypeInvalid(f"{shown(text)}: expected array dimensions, [] or [k], after the type")
    return base, tuple(_length(part, text) for part in suffix.replace("[", "").split("]")[:-1])


def make_arrays(element: AbiType, dimensions: Sequence[int | None]) -> AbiType:
    """`element` in arrays, the innermost dimension first."""
    made = element
    for length in dimensions:
        made = Array(made, length)
        if made.head_size > HEAD_BYTES_MAX:
            raise TypeInvalid(f"{made.canonical} takes {made.head_size} bytes: no log or call can hold it")
    return made


def elementary(text: str) -> Word | Blob:
    """The type that `text` names when it is neither array nor tuple; `uint` and `int` mean 256 bits."""
    match text:
        case "string" | "bytes":
            return Blob(is_text=text == "string")
        case "address" | "bool":
            return Word(Kind(text))
        case "function":
            return Word(Kind.FUNCTION, 24)
    found = _WORDS.fullmatch(_ALIASES.get(text, text))
    if found is None or found[2] != str(int(found[2])):
        raise TypeInvalid(f"{shown(text)} is not a type of the contract ABI")
    kind, size, places = Kind(found[1]), int(found[2]), found[3]
    if (places is not None) != (kind in {Kind.FIXED, Kind.UFIXED}):
        raise TypeInvalid(f"{shown(text)} is not a type of the contract ABI")
    if kind is Kind.BYTES:
        if not 1 <= size <= WORD:
            raise TypeInvalid(f"{shown(text)}: fixed bytes are bytes1 to bytes32")
    elif size % 8 or not 8 <= size <= 256:
        raise TypeInvalid(f"{shown(text)}: {size} bits; numbers have 8 to 256 in steps of 8")
    if places is not None and (not 1 <= int(places) <= 80 or places != str(int(places))):
        raise TypeInvalid(f"{shown(text)}: {places} decimal places; there are 1 to 80")
    return Word(kind, size, int(places or 0))


def _length(text: str, whole: str) -> int | None:
    if not text:
        return None
    # An array without elements takes no bytes: "how many of them" would not be bounded by the data.
    if text.startswith("0") or len(text) > len(str(HEAD_BYTES_MAX)):
        raise TypeInvalid(f"{shown(whole)}: fixed arrays have 1 to {HEAD_BYTES_MAX // WORD} elements")
    return int(text)
