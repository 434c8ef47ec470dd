"""Python source that decodes one list of ABI types and nothing else: types and limits are written into it.

Accepts what Solidity's own decoder accepts, and no more. Names reach the source only as `repr` of checked
identifiers. Time and memory follow the data's length: see `READS_MAX`.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from evm.abi.entries import Event, Parameter, argument_names
from evm.abi.outcome import Fault, Malformed, Undecodable
from evm.abi.types import WORD, AbiType, Array, Blob, Component, Tuple, Word, heads_size
from evm.abi.words import decimal_text, text_value, word_code

# Encoders write each byte once. Two offsets may still name the same bytes, and Solidity reads them twice.
# Read more often than this on average they are an "ABI bomb": n offsets to one array of n offsets, and so on.
READS_MAX = 4

_DATA, _TOPICS = "data", "topics, data"


@dataclass(slots=True)
class Generated:
    """Source of a function `decode`, and the names that it finds around it."""

    counted: bool = False
    lines: list[str] = field(default_factory=list)
    names: dict[str, Any] = field(default_factory=dict)
    _made: int = 0

    def __post_init__(self) -> None:
        self.names |= {
            "Malformed": Malformed,
            "number": int.from_bytes,
            "iter_words": struct.Struct(f"{WORD}s").iter_unpack,
            "text_value": text_value,
            "decimal_text": decimal_text,
        }

    @property
    def source(self) -> str:
        return "\n".join(self.lines) + "\n"

    def name(self, prefix: str, value: Any = None) -> str:
        self._made += 1
        made = f"{prefix}{self._made}"
        if value is not None:
            self.names[made] = value
        return made

    def refuse(self, condition: str, fault: Fault, path: str) -> list[str]:
        outcome = self.name("wrong", Undecodable(fault, path))
        return [f"if {condition}:", f"    raise Malformed({outcome})"]

    def charge(self, cost: str, path: str) -> list[str]:
        """Tails are paid for from a purse of READS_MAX times the data; a few flat ones cannot empty it."""
        if not self.counted:
            return []
        return [f"left[0] -= {cost}", *self.refuse("left[0] < 0", Fault.OVERLAP, path)]

    @property
    def left(self) -> str:
        return ", left" if self.counted else ""


def event_source(event: Event) -> Generated:
    """`decode(topics, data)` of an event's log."""
    names = argument_names(event.parameters)
    inside = [item for item in zip(event.parameters, names, strict=True) if not item[0].indexed]
    made = Generated(_must_count([parameter for parameter, _ in inside]))
    body, values = _topics(made, event, names)
    lines, found = _members(made, [p for p, _ in inside], [name for _, name in inside], "0")
    values |= dict(zip((name for _, name in inside), found, strict=True))
    _top(
        made,
        _TOPICS,
        body + _start(made, [p for p, _ in inside]) + lines,
        {name: values[name] for name in names},
    )
    return made


def arguments_source(components: Sequence[Component], selector: bytes = b"") -> Generated:
    """`decode(data)` of arguments that stand one after another, behind a selector if there is one."""
    names = argument_names(components)
    made = Generated(_must_count(components))
    body = []
    if selector:
        body = [*made.refuse(f"data[:{len(selector)}] != {selector!r}", Fault.SELECTOR, "")]
        body.append(f"data = data[{len(selector)}:]")
    lines, values = _members(made, components, names, "0")
    _top(made, _DATA, body + _start(made, components) + lines, dict(zip(names, values, strict=True)))
    return made


def _top(made: Generated, parameters: str, body: list[str], values: dict[str, str]) -> None:
    made.lines += [f"def decode({parameters}):", "    try:"]
    made.lines += [f"        {line}" for line in [*body, f"return {_object(values)}"]]
    made.lines += ["    except Malformed as malformed:", "        return malformed.outcome"]


def _start(made: Generated, components: Sequence[Component]) -> list[str]:
    """Bytes behind the last value are left alone, as Solidity leaves them."""
    if not components:
        return []
    if all(isinstance(component.type, Word) for component in components):
        return made.refuse(f"len(data) < {heads_size(components)}", Fault.SHORT, "")
    lines = ["size = len(data)", *made.refuse(f"size < {heads_size(components)}", Fault.SHORT, "")]
    if made.counted:
        lines.append(f"left = [size * {READS_MAX}]")
    return lines


def _topics(made: Generated, event: Event, names: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Checks of the topics, and what the indexed arguments are."""
    count = event.topic_count
    lines = made.refuse(f"len(topics) != {count}", Fault.TOPICS, "")
    if count:
        lines.append(f"{', '.join(f't{at}' for at in range(count))}, = topics")
    if not event.anonymous:
        lines += made.refuse(f"t0 != {event.topic0!r}", Fault.TOPICS, "")
    values = {}
    at = 0 if event.anonymous else 1
    for parameter, name in zip(event.parameters, names, strict=True):
        if not parameter.indexed:
            continue
        topic = f"t{at}"
        at += 1
        lines += made.refuse(f"len({topic}) != {WORD}", Fault.TOPICS, name)
        if isinstance(parameter.type, Word):
            code = word_code(parameter.type, topic)
            lines += made.refuse(code.wrong, code.fault, name) if code.wrong else []
            values[name] = code.value
        else:
            values[name] = f'{{"hash": "0x" + {topic}.hex()}}'
    return lines, values


def _members(
    made: Generated, components: Sequence[Component], paths: Sequence[str], base: str
) -> tuple[list[str], list[str]]:
    """Statements that read the heads at `base`, and one expression for each value."""
    layout, words, lines, values = "", [], [], []
    at = 0
    for component, path in zip(components, paths, strict=True):
        kind = component.type
        word = f"w{at // WORD}"
        if isinstance(kind, Word) or kind.is_dynamic:
            layout += f"{WORD}s"
            words.append(word)
        else:
            layout += f"{kind.head_size}x"
        if isinstance(kind, Word):
            code = word_code(kind, word)
            lines += made.refuse(code.wrong, code.fault, path) if code.wrong else []
            values.append(code.value)
        elif isinstance(kind, Blob):
            lines += _blob(made, word, _place(base, f"number({word})"), path)
            values.append(_blob_value(kind, word))
        else:
            offset = f"number({word})" if kind.is_dynamic else str(at)
            values.append(f"{_function(made, kind, path)}(data, {_place(base, offset)}{made.left})")
        at += kind.head_size
    return _unpack(made, layout, words, base) + lines, values


def _unpack(made: Generated, layout: str, words: Sequence[str], base: str) -> list[str]:
    if not words:
        return []
    if layout == f"{WORD}s":
        return [f"{words[0]} = data[{base}:{_place(base, str(WORD))}]"]
    unpack = made.name("unpack", struct.Struct(f">{layout}").unpack_from)
    return [f"{', '.join(words)}, = {unpack}(data, {base})"]


def _function(made: Generated, kind: AbiType, path: str) -> str:
    """Name of a function that reads a value of `kind` at a place."""
    name = made.name("read")
    match kind:
        case Tuple(components):
            body = _tuple(made, kind, components, path)
        case Array(element, length):
            body = _array(made, element, length, path)
        case Blob():
            body = [*_blob(made, "w", "at", path), f"return {_blob_value(kind, 'w')}"]
        case Word():  # pragma: no cover  a word is always read where it stands
            raise AssertionError(kind)
    made.lines += [f"def {name}(data, at{made.left}):", "    size = len(data)"]
    made.lines += [f"    {line}" for line in body]
    return name


def _tuple(made: Generated, kind: Tuple, components: Sequence[Component], path: str) -> list[str]:
    names = argument_names(components)
    heads = heads_size(components)
    short = Fault.OFFSET if kind.is_dynamic else Fault.SHORT
    lines = made.refuse(f"at > size - {heads}", short, path)
    lines += made.charge(str(heads), path) if kind.is_dynamic else []
    body, values = _members(made, components, [f"{path}.{name}" for name in names], "at")
    if all(component.name for component in components):
        value = _object(dict(zip(names, values, strict=True)))
    else:
        value = f"[{', '.join(values)}]"
    return [*lines, *body, f"return {value}"]


def _array(made: Generated, element: AbiType, length: int | None, path: str) -> list[str]:
    step, inner = element.head_size, f"{path}[]"
    if length is None:
        lines = made.refuse(f"at > size - {WORD}", Fault.OFFSET, path)
        lines += [f"count = number(data[at : at + {WORD}])", f"at += {WORD}"]
        lines += made.refuse(f"count > (size - at) // {step}", Fault.LENGTH, path)
        lines += [f"end = at + count * {step}", *made.charge(f"end - at + {WORD}", path)]
    else:
        fault = Fault.OFFSET if element.is_dynamic else Fault.SHORT
        lines = [*made.refuse(f"at > size - {length * step}", fault, path), f"end = at + {length * step}"]
        lines += made.charge("end - at", path) if element.is_dynamic else []
    if isinstance(element, Word):
        return lines + _array_of_words(made, element, inner)
    read = _function(made, element, inner)
    if element.is_dynamic:
        each = f"{read}(data, at + number(w){made.left}) for (w,) in iter_words(data[at:end])"
    else:
        each = f"{read}(data, place{made.left}) for place in range(at, end, {step})"
    return [*lines, f"return [{each}]"]


def _array_of_words(made: Generated, element: Word, path: str) -> list[str]:
    code = word_code(element, "w")
    if not code.wrong:
        return [f"return [{code.value} for (w,) in iter_words(data[at:end])]"]
    loop = [*made.refuse(code.wrong, code.fault, path), f"add({code.value})"]
    start = ["values = []", "add = values.append", "for (w,) in iter_words(data[at:end]):"]
    return [*start, *(f"    {line}" for line in loop), "return values"]


def _blob(made: Generated, word: str, place: str, path: str) -> list[str]:
    """Reads the bytes into `word`; as in Solidity's decoder their padding is neither wanted nor looked at."""
    return [
        f"o = {place}",
        *made.refuse(f"o > size - {WORD}", Fault.OFFSET, path),
        f"n = number(data[o : o + {WORD}])",
        f"o += {WORD}",
        *made.refuse("n > size - o", Fault.LENGTH, path),
        *made.charge(f"n + {WORD}", path),
        f"{word} = data[o : o + n]",
    ]


def _blob_value(kind: Blob, word: str) -> str:
    return f"text_value({word})" if kind.is_text else f'"0x" + {word}.hex()'


def _place(base: str, offset: str) -> str:
    return offset if base == "0" else f"{base} + {offset}"


def _object(values: dict[str, str]) -> str:
    return f"{{{', '.join(f'{name!r}: {value}' for name, value in values.items())}}}"


def _must_count(components: Sequence[Component | Parameter]) -> bool:
    return sum(_reads(component.type) for component in components) > READS_MAX


def _reads(kind: AbiType) -> int:
    """How many tails, each no longer than the data, reading a value can take at most."""
    match kind:
        case Word():
            return 0
        case Blob():
            return 1
        case Tuple(components):
            return kind.is_dynamic + sum(_reads(component.type) for component in components)
        case Array(element, None):
            return READS_MAX + 1 if element.is_dynamic else 1
        case Array(element, length):
            return element.is_dynamic + (length or 0) * _reads(element)
