"""Settings from one TOML file, `PEND_*` variables and the command line, as one frozen value.

Every fault is reported at once; every value knows where it came from; secrets are never shown.
Precedence: command line, environment, file, default. No other module reads the environment.
"""

import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from service.redaction import HIDDEN, redact
from service.settings_faults import Fault, SettingsInvalid, faults_of, nearest

PREFIX = "PEND_"
CONFIG_VARIABLE = "PEND_CONFIG"
DEFAULT_FILE = Path("pend.toml")
# Read elsewhere: where the file is, and where the test suite finds its databases.
_NOT_SETTINGS = (CONFIG_VARIABLE, "PEND_TEST_")

DEFAULT = "default"
COMMAND_LINE = "command line"


class Section(BaseModel):
    """A table of the file: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class Settings(BaseSettings):
    """All settings of one program; built by `load`, or from keywords alone (nothing hidden is read)."""

    other_programs: ClassVar[frozenset[str]] = frozenset()
    """Sections that only other programs have: one file and one environment may serve them all."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,  # `PEND_REDIS__URL=` in a compose file means "not set"
        enable_decoding=False,  # lists are comma-separated, see `comma_separated`
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  pydantic-settings fixes the signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)  # `load` has merged the sources, so that it knows each value's origin


class UrlSecret(SecretStr):
    """A URL or DSN: shown with its host, without its password or key."""

    def _display(self) -> str:
        return redact(self.get_secret_value())


S = TypeVar("S", bound=Settings)


@dataclass(frozen=True)
class Loaded(Generic[S]):
    settings: S
    sources: Mapping[str, str]  # dotted key -> default | the file's path | variable name | command line


def comma_separated(value: object) -> object:
    """Lets a variable or option give a list as `a,b`; a TOML array passes through."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def load(
    model: type[S], config_path: Path | str | None = None, overrides: Mapping[str, object] | None = None
) -> Loaded[S]:
    """The settings in force and where each came from; raises `SettingsInvalid` with every fault.

    `overrides` are command-line values by dotted key; those that are None were not given.
    Without `config_path`, `PEND_CONFIG` names the file, else ./pend.toml is read if it exists.
    """
    path = _config_file(config_path)
    from_file, faults = _read_file(model, path)
    given = {key: value for key, value in (overrides or {}).items() if value is not None}
    layers = (
        (str(path), from_file),
        (PREFIX, EnvSettingsSource(model)()),
        (COMMAND_LINE, _nested(given)),
    )
    file_is_unread = bool(faults)
    merged, sources = _merge(model, layers, faults)
    faults.extend(_unknown_variables(model))
    settings, found = _validate(model, merged, sources)
    faults.extend(fault for fault in found if not (file_is_unread and fault.is_missing))
    if settings is None or faults:
        raise SettingsInvalid(faults)
    return Loaded(settings, {key: sources.get(key, DEFAULT) for key, _ in fields_of(model)})


def describe(loaded: Loaded[S]) -> list[tuple[str, str, str]]:
    """Every key with the value in force, fit to be shown, and its source."""
    return [
        (key, shown(_value(loaded.settings, key)), loaded.sources[key])
        for key, _ in fields_of(type(loaded.settings))
    ]


def fields_of(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every setting as (dotted key, field), in the order of declaration."""
    for name, field in model.model_fields.items():
        if _is_section(field):
            assert isinstance(field.annotation, type)
            yield from fields_of(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


def shown(value: object) -> str:
    """A value as an operator may see it: secrets hidden, absence said."""
    if value is None:
        return "not set"
    if isinstance(value, UrlSecret):
        return str(value)
    if isinstance(value, SecretStr):
        return HIDDEN
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(shown(item) for item in value) or "none"
    return str(value)


def variable_of(key: str) -> str:
    """The environment variable of a dotted key."""
    return PREFIX + key.replace(".", "__").upper()


def _config_file(config_path: Path | str | None) -> Path | None:
    explicit = config_path or os.environ.get(CONFIG_VARIABLE)
    if explicit:
        return Path(explicit)
    return DEFAULT_FILE if DEFAULT_FILE.is_file() else None


def _read_file(model: type[Settings], path: Path | None) -> tuple[dict[str, Any], list[Fault]]:
    if path is None:
        return {}, []
    try:
        with path.open("rb"):  # the source below takes a missing file for an empty one
            return TomlConfigSettingsSource(model, path)(), []
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problem = f"is not valid TOML: {redact(str(error))}"
    return {}, [Fault("--config", str(path), problem, "a readable TOML file", str(path))]


def _merge(
    model: type[Settings], layers: Iterable[tuple[str, Mapping[str, Any]]], faults: list[Fault]
) -> tuple[dict[str, Any], dict[str, str]]:
    """One tree of the layers, later ones over earlier, with each key's origin."""
    # Every section is there, so that a missing key is reported by its own name.
    merged: dict[str, Any] = {name: {} for name, field in model.model_fields.items() if _is_section(field)}
    sources: dict[str, str] = {}
    for origin, values in layers:
        for path, value in _leaves(values):
            if path[0] in model.other_programs:
                continue
            key = ".".join(path)
            sources[key] = variable_of(key) if origin == PREFIX else origin
            if len(path) == 1 and _is_section(model.model_fields.get(key)):
                shown_value = redact(str(value))
                faults.append(
                    Fault(key, shown_value, "is a table, not a value", f"keys of [{key}]", sources[key])
                )
                continue
            _put(merged, path, value)
    return merged, sources


def _validate(
    model: type[S], merged: dict[str, Any], sources: Mapping[str, str]
) -> tuple[S | None, list[Fault]]:
    """The settings, or everything wrong with them.

    A rule between two keys runs only once each is right by itself: hence a second look without the wrong.
    """
    faults: dict[str, Fault] = {}
    settings = None
    for _ in range(2):
        try:
            settings = model(**merged)
            break
        except ValidationError as error:
            for fault in faults_of(model, error, sources):
                faults.setdefault(fault.key, fault)
            for key in faults:
                _drop(merged, tuple(key.split(".")))
    return (None if faults else settings), list(faults.values())


def _unknown_variables(model: type[Settings]) -> list[Fault]:
    """Misspelt `PEND_*` names; pydantic-settings sees only those under a known section."""
    sections = {name for name, field in model.model_fields.items() if _is_section(field)}
    sections |= model.other_programs
    known = {variable_of(key) for key, _ in fields_of(model)}
    faults = []
    for name in sorted(os.environ):
        top = name.upper().removeprefix(PREFIX).split("__")[0].lower()
        if not name.upper().startswith(PREFIX) or name.upper().startswith(_NOT_SETTINGS) or top in sections:
            continue
        faults.append(Fault(name, None, "is not a setting", nearest(name.upper(), known), name))
    return faults


def _leaves(values: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*path, name))
        else:
            yield (*path, name), value


def _nested(flat: Mapping[str, object]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in flat.items():
        _put(nested, tuple(key.split(".")), value)
    return nested


def _put(tree: dict[str, Any], path: tuple[str, ...], value: object) -> None:
    for name in path[:-1]:
        if not isinstance(tree.get(name), dict):
            tree[name] = {}
        tree = tree[name]
    tree[path[-1]] = value


def _drop(tree: dict[str, Any], path: tuple[str, ...]) -> None:
    for name in path[:-1]:
        branch = tree.get(name)
        if not isinstance(branch, dict):
            return
        tree = branch
    if not isinstance(tree.get(path[-1]), dict) or len(path) > 1:
        tree.pop(path[-1], None)


def _value(settings: BaseModel, key: str) -> object:
    value: object = settings
    for name in key.split("."):
        value = getattr(value, name)
    return value


def _is_section(field: FieldInfo | None) -> bool:
    return (
        field is not None and isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    )
