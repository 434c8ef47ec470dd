"""The mechanism, on a model of its own: sources, precedence, faults, secrecy."""

import os
import pickle
from pathlib import Path
from typing import Annotated, Literal, Self

import pytest
from pydantic import BeforeValidator, Field, SecretStr, ValidationError, model_validator

from service.settings import (
    COMMAND_LINE,
    DEFAULT,
    Section,
    Settings,
    UrlSecret,
    comma_separated,
    describe,
    load,
)
from service.settings_faults import Fault, SettingsInvalid


class Store(Section):
    dsn: UrlSecret = Field(description="Where.")
    password: SecretStr | None = Field(default=None, description="Secret.")
    size: int = Field(default=4, ge=1, le=9, description="How many.")
    hosts: Annotated[tuple[str, ...], BeforeValidator(comma_separated)] = Field(
        default=("a",), min_length=1, description="List."
    )


class Mode(Section):
    level: Literal["low", "high"] = Field(default="low", description="Which.")
    low: int = Field(default=1, description="From.")
    high: int = Field(default=2, description="To.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError("mode.low is above mode.high")
        return self


class Example(Settings):
    store: Store
    mode: Mode = Mode()


@pytest.fixture(autouse=True)
def _scrubbed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.upper().startswith("PEND_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def _file(tmp_path: Path, text: str, name: str = "some.toml") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def _faults(path: Path | None = None, **overrides: object) -> dict[str, Fault]:
    with pytest.raises(SettingsInvalid) as raised:
        load(Example, path, {key.replace("__", "."): value for key, value in overrides.items()})
    return {fault.key: fault for fault in raised.value.faults}


def test_load_nothing_but_required_uses_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEND_STORE__DSN", "x://h")
    loaded = load(Example)
    assert loaded.settings.store.size == 4
    assert loaded.sources == {
        "store.dsn": "PEND_STORE__DSN",
        **dict.fromkeys(("store.password", "store.size", "store.hosts"), DEFAULT),
        **dict.fromkeys(("mode.level", "mode.low", "mode.high"), DEFAULT),
    }


def test_load_every_source_command_line_over_variable_over_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = _file(
        tmp_path, '[store]\ndsn = "file://h"\nsize = 2\nhosts = ["x", "y"]\n[mode]\nlow = -3\nhigh = 5\n'
    )
    monkeypatch.setenv("PEND_STORE__SIZE", "3")
    monkeypatch.setenv("PEND_MODE__LOW", "-2")
    loaded = load(Example, path, {"mode.low": -1, "mode.level": None})
    assert (loaded.settings.store.size, loaded.settings.mode.low, loaded.settings.mode.high) == (3, -1, 5)
    assert loaded.settings.store.hosts == ("x", "y")
    assert loaded.settings.mode.level == "low", "an option that was not given overrides nothing"
    assert loaded.sources["store.dsn"] == str(path)
    assert loaded.sources["store.size"] == "PEND_STORE__SIZE"
    assert loaded.sources["mode.low"] == COMMAND_LINE


def test_load_file_named_by_variable_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PEND_CONFIG", str(_file(tmp_path, '[store]\ndsn = "named://h"\n')))
    assert load(Example).settings.store.dsn.get_secret_value() == "named://h"


def test_load_pend_toml_in_working_directory_is_read(tmp_path: Path) -> None:
    _file(tmp_path, '[store]\ndsn = "here://h"\n', "pend.toml")
    loaded = load(Example)
    assert (loaded.settings.store.dsn.get_secret_value(), loaded.sources["store.dsn"]) == (
        "here://h",
        "pend.toml",
    )


def test_load_list_in_variable_is_comma_separated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEND_STORE__DSN", "x://h")
    monkeypatch.setenv("PEND_STORE__HOSTS", "one, two,")
    assert load(Example).settings.store.hosts == ("one", "two")


def test_load_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEND_STORE__DSN", "x://h")
    monkeypatch.setenv("PEND_STORE__SIZE", "")
    assert load(Example).sources["store.size"] == DEFAULT


def test_load_variables_of_the_test_suite_are_not_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEND_STORE__DSN", "x://h")
    monkeypatch.setenv("PEND_TEST_TIMESCALE_DSN", "x")
    load(Example)


def test_load_many_faults_reports_all_with_value_allowed_and_source(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = _file(
        tmp_path,
        '[store]\nsize = 12\nszie = 3\nhosts = [1]\n[mode]\nlevel = "middle"\nlow = 9\n[moed]\nx = 1\n',
    )
    monkeypatch.setenv("PEND_MOED__LEVEL", "low")
    faults = _faults(path, mode__high="many")
    assert {key: (fault.value, fault.allowed, fault.source) for key, fault in faults.items()} == {
        "store.dsn": (None, "text", ""),
        "store.size": ("12", "an integer from 1 to 9", str(path)),
        "store.szie": (None, "did you mean store.size?", str(path)),
        "store.hosts": ("1", "a list of at least 1: text", str(path)),
        "mode.level": ("middle", "low | high", str(path)),
        "mode.high": ("many", "an integer", COMMAND_LINE),
        "moed": (None, "did you mean mode?", str(path)),
        "PEND_MOED__LEVEL": (None, "did you mean PEND_MODE__LEVEL?", "PEND_MOED__LEVEL"),
        # The rule between two keys is reported too, though `level` and `high` are wrong by themselves.
        "[mode]": (None, "", ""),
    }


def test_load_faults_message_names_each_key_value_and_source(tmp_path: Path) -> None:
    path = _file(tmp_path, '[store]\ndsn = "x://h"\nsize = 12\n')
    with pytest.raises(SettingsInvalid) as raised:
        load(Example, path)
    assert str(raised.value) == (
        "1 fault in the configuration\n"
        f"  store.size = 12 is out of range; allowed: an integer from 1 to 9 (from {path})"
    )


def test_load_value_for_a_section_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEND_STORE", "x://u:geheim@h")
    fault = _faults()["store"]
    assert (fault.value, fault.source) == ("x://u:***@h", "PEND_STORE")


def test_load_table_for_a_value_is_a_fault(tmp_path: Path) -> None:
    path = _file(tmp_path, '[store]\ndsn = "x://h"\n[store.size]\nx = 1\n')
    assert _faults(path).keys() == {"store.size"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [("[store\n", "is not valid TOML"), (None, "cannot be read: No such file")],
    ids=["broken", "absent"],
)
def test_load_unusable_file_is_the_only_fault(tmp_path: Path, text: str | None, problem: str) -> None:
    path = tmp_path / "absent.toml" if text is None else _file(tmp_path, text)
    faults = _faults(path)
    assert faults.keys() == {"--config"}, "what the file would have set is not reported as missing"
    assert faults["--config"].problem.startswith(problem)


def test_load_faulty_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = _file(tmp_path, '[store]\ndsn = ["postgres:/u:geheim@h"]\npassword = 12345\n')
    monkeypatch.setenv("PEND_MODE__LEVEL", "http://u:geheim@h")
    faults = _faults(path)
    assert (faults["store.dsn"].value, faults["store.password"].value) == ("***", "***")
    assert faults["mode.level"].value == "http://u:***@h"


def test_describe_shows_value_and_source_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEND_STORE__DSN", "postgresql://u:geheim@h:1/d")
    monkeypatch.setenv("PEND_STORE__PASSWORD", "geheim")
    loaded = load(Example)
    assert describe(loaded) == [
        ("store.dsn", "postgresql://u:***@h:1/d", "PEND_STORE__DSN"),
        ("store.password", "***", "PEND_STORE__PASSWORD"),
        ("store.size", "4", DEFAULT),
        ("store.hosts", "a", DEFAULT),
        ("mode.level", "low", DEFAULT),
        ("mode.low", "1", DEFAULT),
        ("mode.high", "2", DEFAULT),
    ]
    assert "geheim" not in repr(loaded)


def test_settings_are_frozen_and_survive_pickling() -> None:
    settings = Example(store=Store(dsn=UrlSecret("x://h")))
    with pytest.raises(ValidationError):
        settings.mode = Mode()
    with pytest.raises(ValidationError):
        settings.mode.low = 3
    assert pickle.loads(pickle.dumps(settings)) == settings


def test_settings_from_keywords_read_nothing_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEND_MODE__LOW", "2")
    assert Example(store=Store(dsn=UrlSecret("x://h"))).mode.low == 1
