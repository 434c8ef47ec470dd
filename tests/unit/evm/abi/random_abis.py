"""Random ABI types with values for them, and what eth_abi's answers look like as ours."""

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from evm.abi.entries import argument_names
from evm.abi.outcome import JsonValue
from evm.abi.types import AbiType, Array, Blob, Component, Kind, Tuple, Word

_NAMES = st.sampled_from(["", "a", "b", "a", "value", "arg1", "lambda", "_$"])

_COMPILED = st.one_of(
    st.builds(Word, st.sampled_from([Kind.UINT, Kind.INT]), st.integers(1, 32).map(lambda n: n * 8)),
    st.builds(Word, st.just(Kind.BYTES), st.integers(1, 32)),
    st.sampled_from([Word(Kind.ADDRESS), Word(Kind.BOOL), Word(Kind.FUNCTION, 24), Word(Kind.UINT, 256)]),
    st.builds(Blob, st.booleans()),
)
# Solidity knows no fixed-point values; Vyper once did.
_FIXED = st.sampled_from([Word(Kind.FIXED, 168, 10), Word(Kind.UFIXED, 128, 18), Word(Kind.FIXED, 256, 80)])


def _nested(inner: st.SearchStrategy[AbiType]) -> st.SearchStrategy[AbiType]:
    members = st.lists(st.builds(Component, _NAMES, inner), min_size=1, max_size=3).map(tuple)
    return st.one_of(
        st.builds(Array, inner, st.one_of(st.none(), st.integers(1, 3))), st.builds(Tuple, members)
    )


def _components(leaves: st.SearchStrategy[AbiType]) -> st.SearchStrategy[tuple[Component, ...]]:
    kinds = st.recursive(leaves, _nested, max_leaves=6)
    return st.lists(st.builds(Component, _NAMES, kinds), max_size=4).map(tuple)


components = _components(st.one_of(_COMPILED, _FIXED))
solidity_components = _components(_COMPILED)


def values(kind: AbiType) -> st.SearchStrategy[Any]:
    """What eth_abi encodes; strings are bytes, so that they may be no UTF-8."""
    match kind:
        case Word():
            return _word_values(kind)
        case Blob(is_text):
            return st.text(max_size=40).map(str.encode) if is_text else st.binary(max_size=70)
        case Array(element, length):
            return st.lists(values(element), min_size=length or 0, max_size=3 if length is None else length)
        case Tuple(members):
            return st.tuples(*(values(member.type) for member in members))


def _word_values(kind: Word) -> st.SearchStrategy[Any]:
    bits = kind.size
    match kind.kind:
        case Kind.UINT:
            return st.integers(0, 2**bits - 1)
        case Kind.INT:
            return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        case Kind.UFIXED:
            return st.integers(0, 2**bits - 1).map(lambda number: Decimal(number).scaleb(-kind.places))
        case Kind.FIXED:
            numbers = st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
            return numbers.map(lambda number: Decimal(f"{number}e-{kind.places}"))
        case Kind.ADDRESS:
            return st.binary(min_size=20, max_size=20)
        case Kind.BOOL:
            return st.booleans()
        case Kind.BYTES | Kind.FUNCTION:
            return st.binary(min_size=bits, max_size=bits)


def reference_type(kind: AbiType) -> str:
    """The type as eth_abi is told it: strings as bytes, since it gives up on text that is no UTF-8."""
    return kind.canonical.replace("string", "bytes")


def ours(kind: AbiType, value: Any) -> JsonValue:
    """eth_abi's `value` as our decoders give it, from its definition and not by their code."""
    match kind:
        case Word(Kind.UINT | Kind.INT):
            return str(value)
        case Word(Kind.UFIXED | Kind.FIXED, _, places):
            return f"{value:.{places}f}"
        case Word(Kind.BOOL):
            return bool(value)
        case Word(Kind.ADDRESS):
            return str(value) if isinstance(value, str) else f"0x{value.hex()}"
        case Blob(True):
            return _text(value)
        case Word() | Blob():
            return f"0x{value.hex()}"
        case Array(element, _):
            return [ours(element, item) for item in value]
        case Tuple(members):
            made = [ours(member.type, item) for member, item in zip(members, value, strict=True)]
            if all(member.name for member in members):
                return dict(zip(argument_names(members), made, strict=True))
            return made


def theirs(kind: AbiType, value: Any) -> Any:
    """One of our values as eth_abi encodes it: the inverse of `ours`."""
    match kind:
        case Word(Kind.UINT | Kind.INT):
            return int(value)
        case Word(Kind.UFIXED | Kind.FIXED):
            return Decimal(value)
        case Word(Kind.BOOL):
            return value
        case Blob(True):
            return value.encode() if isinstance(value, str) else bytes.fromhex(value["hex"][2:])
        case Word() | Blob():
            return bytes.fromhex(value[2:])
        case Array(element, _):
            return [theirs(element, item) for item in value]
        case Tuple(members):
            items = list(value.values()) if isinstance(value, dict) else value
            return tuple(theirs(member.type, item) for member, item in zip(members, items, strict=True))


def _text(value: bytes) -> JsonValue:
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return {"hex": "0x" + value.hex()}
    return text if "\x00" not in text else {"hex": "0x" + value.hex()}
