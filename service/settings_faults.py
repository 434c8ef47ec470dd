"""What is wrong with the settings, said to the operator: key, value, problem, what is allowed, source."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from service.redaction import HIDDEN, redact

_LONGEST_VALUE = 120
_TYPE_NAMES: dict[object, str] = {int: "an integer", float: "a number", bool: "true or false", str: "text"}


@dataclass(frozen=True)
class Fault:
    key: str
    value: str | None  # as it may be shown; None where nothing was given
    problem: str
    allowed: str
    source: str = ""  # the file, the variable or the command line; empty where nothing was given
    is_missing: bool = False

    def __str__(self) -> str:
        value = "" if self.value is None else f" = {self.value}"
        source = f" (from {self.source})" if self.source not in ("", self.key) else ""
        expected = self.allowed if self.allowed.startswith("did you mean") else f"allowed: {self.allowed}"
        return f"{self.key}{value} {self.problem}{'; ' + expected if self.allowed else ''}{source}"


class SettingsInvalid(ValueError):
    """The configuration cannot be used; `faults` is everything wrong with it."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        count = len(self.faults)
        lines = "\n".join(f"  {fault}" for fault in self.faults)
        super().__init__(f"{count} fault{'s' if count != 1 else ''} in the configuration\n{lines}")


def faults_of(model: type[BaseModel], error: ValidationError, sources: Mapping[str, str]) -> list[Fault]:
    """Errors of pydantic as ours; list items are reported under their list's key."""
    faults = []
    for item in error.errors(include_url=False, include_context=True):
        names = tuple(part for part in item["loc"] if isinstance(part, str))
        field = _field(model, names)
        key = ".".join(names)
        source = sources.get(key) or next(
            (sources[below] for below in sources if below.startswith(f"{key}.")), ""
        )
        kind = item["type"]
        if kind == "extra_forbidden":
            faults.append(Fault(key, None, "is not a setting", nearest(key, _siblings(model, names)), source))
        elif kind == "missing":
            expected = allowed(field) if field else "a value"
            faults.append(Fault(key, None, "must be set", expected, is_missing=True))
        elif field is None:  # a section's own rule: its message names the keys
            faults.append(Fault(f"[{key}]", None, _problem(item), ""))
        else:
            faults.append(Fault(key, _shown(field, item["input"]), _problem(item), allowed(field), source))
    return faults


def allowed(field: FieldInfo) -> str:
    """What a field accepts, in words: "an integer from 1 to 1024"."""
    annotation, metadata = field.annotation, list(field.metadata)
    return _allowed(annotation, metadata)


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name most like a misspelt one, else all of them."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.7)
    return f"did you mean {close[0]}?" if close else "one of " + ", ".join(names)


def _allowed(annotation: Any, metadata: list[Any]) -> str:
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *more = get_args(annotation)
        return _allowed(inner, metadata + more)
    if origin in (Union, UnionType):
        options = [part for part in get_args(annotation) if part is not NoneType]
        return " or ".join(_allowed(part, metadata) for part in options) + (
            ", or not set" if NoneType in get_args(annotation) else ""
        )
    if origin is Literal:
        return " | ".join(str(option) for option in get_args(annotation))
    if origin in (tuple, list):
        least = next((constraint.min_length for constraint in metadata if isinstance(constraint, MinLen)), 0)
        return f"a list{f' of at least {least}' if least else ''}: {_allowed(get_args(annotation)[0], [])}"
    words = next((constraint for constraint in metadata if isinstance(constraint, str)), None)
    return words or _TYPE_NAMES.get(annotation, "text") + _bounds(metadata)


def _bounds(metadata: list[Any]) -> str:
    low = high = ""
    for constraint in metadata:
        match constraint:
            case Ge(ge=bound):
                low = f" from {bound}"
            case Gt(gt=bound):
                low = f" above {bound}"
            case Le(le=bound):
                high = f" to {bound}"
            case Lt(lt=bound):
                high = f" below {bound}"
            case _:
                pass
    return low + high


def _field(model: type[BaseModel], names: tuple[str, ...]) -> FieldInfo | None:
    """The field a location leads to; None for a section and for a place that is no setting."""
    current: type[BaseModel] = model
    for name in names:
        field = current.model_fields.get(name)
        if field is None:
            return None
        if not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)):
            return field
        current = field.annotation
    return None


def _siblings(model: type[BaseModel], names: tuple[str, ...]) -> list[str]:
    """The dotted keys that stand where an unknown one was found."""
    current: type[BaseModel] = model
    for name in names[:-1]:
        field = current.model_fields.get(name)
        if field is None or not (
            isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        ):
            break
        current = field.annotation
    return [".".join((*names[:-1], name)) for name in current.model_fields]


def _problem(item: Any) -> str:
    kind: str = item["type"]
    raised = item.get("ctx", {}).get("error")
    if isinstance(raised, Exception):
        return redact(str(raised))
    if kind.startswith(("greater_than", "less_than")):
        return "is out of range"
    if kind.endswith(("_parsing", "_type", "_from_float")):
        return "is of the wrong kind"
    return {
        "literal_error": "is not one of the choices",
        "string_pattern_mismatch": "is malformed",
        "too_short": "is too short",
        "string_too_short": "is empty",
        "finite_number": "is not a finite number",
    }.get(kind, redact(str(item["msg"])))


def _shown(field: FieldInfo, value: object) -> str:
    text = str(value) if isinstance(value, str | int | float) else repr(value)
    shown = redact(text)
    # In a URL the password is told apart by its shape; of any other secret nothing is shown.
    if _mentions_secret(field.annotation) and ("://" not in text or (shown == text and "@" in text)):
        return HIDDEN
    return shown if len(shown) <= _LONGEST_VALUE else shown[:_LONGEST_VALUE] + "…"


def _mentions_secret(annotation: Any) -> bool:
    if isinstance(annotation, type) and issubclass(annotation, SecretStr):
        return True
    return any(_mentions_secret(part) for part in get_args(annotation))
