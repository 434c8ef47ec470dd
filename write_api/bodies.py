"""JSON bodies: every field that is wrong is named, not the first one alone."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec
from litestar import Request
from litestar.exceptions import InternalServerException
from msgspec.structs import fields

from write_api.inputs.errors import InvalidInput
from write_api.problems import FieldFault, Invalid, MediaTypeRefused

T = TypeVar("T")

_JSON = ("application/json", "application/merge-patch+json")
_DEPTH_MAX = 32
_AT_ROOT = re.compile(r" - at `\$(?P<path>[^`]*)`$")


class Faults:
    """Collects what is wrong, field by field, and says all of it at once."""

    def __init__(self) -> None:
        self.found: list[FieldFault] = []

    def parse(self, field: str, parser: Callable[..., T], given: object, **limits: Any) -> T:
        """What `parser` makes of a field. After a fault the value is not to be used: `check` comes first."""
        try:
            return parser(given, **limits)
        except InvalidInput as error:
            self.add(field, error.reason)
            return None  # type: ignore[return-value]

    def add(self, field: str, reason: str) -> None:
        self.found.append(FieldFault(field, reason))

    def check(self) -> None:
        """Raises `Invalid` with every fault, if there is one."""
        if self.found:
            raise Invalid(self.found)


@contextmanager
def faults() -> Iterator[Faults]:
    """Checked when the block ends."""
    found = Faults()
    yield found
    found.check()


async def read_body(request: Request[Any, Any, Any], shape: type[T]) -> T:
    """The body as a struct. Raises `MediaTypeRefused`, `Invalid`."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _JSON:
        raise MediaTypeRefused(
            f"send the body as application/json, not as {ascii(kind[:60]) if kind else 'nothing'}"
        )
    return parse_body(await whole_body(request), shape)


async def whole_body(request: Request[Any, Any, Any]) -> bytes:
    """Raises `Invalid` when the client goes before it is there."""
    try:
        return await request.body()
    except InternalServerException:  # Litestar's word for it
        raise Invalid([FieldFault("", "the body ended before it was whole")]) from None


def parse_body(raw: bytes, shape: type[T]) -> T:
    """PURE. A JSON object as `shape`; unknown fields are faults too. Raises `Invalid`."""
    try:
        given = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid([FieldFault("", f"the body is not JSON: {error}")]) from None
    if not isinstance(given, dict):
        raise Invalid([FieldFault("", "the body is a JSON object")])
    found = Faults()
    known = {field.encode_name: field for field in fields(shape)}  # type: ignore[arg-type]
    for name in given:
        if name not in known:
            found.add(str(name)[:80], f"is not known here; known are {', '.join(sorted(known))}")
    values: dict[str, Any] = {}
    for name, field in known.items():
        if name not in given:
            if field.required:
                found.add(name, "is missing")
            continue
        if _is_deep(given[name]):
            found.add(name, f"is nested more than {_DEPTH_MAX} deep: flatten it")
            continue
        try:
            values[field.name] = msgspec.convert(given[name], field.type, strict=True)
        except msgspec.ValidationError as error:
            found.add(*_placed(name, str(error)))
    found.check()
    return shape(**values)


def _is_deep(given: object) -> bool:
    """PURE. Whether it is nested deeper than what is read can surely be written again."""
    level = [given]
    for _ in range(_DEPTH_MAX):
        below: list[object] = []
        for value in level:
            if isinstance(value, dict):
                below += value.values()
            elif isinstance(value, list):
                below += value
        if not below:
            return False
        level = below
    return True


def _placed(name: str, message: str) -> tuple[str, str]:
    at = _AT_ROOT.search(message)
    if at is None:
        return name, message
    return name + at["path"], message[: at.start()]
