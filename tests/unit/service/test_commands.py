"""Commands of a program are read when they are asked for, and end with one message and one code."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from postgres.errors import PrivilegeMissing, SchemaMissing, Unavailable
from service.commands.ending import (
    EXIT_DATABASE,
    EXIT_DEFECT,
    EXIT_INTERRUPTED,
    EXIT_PRIVILEGE,
    EXIT_SCHEMA,
    EXIT_SETTINGS,
    ended_well,
)
from service.commands.group import LazyGroup
from service.commands.invocation import Invocation
from service.sections import LogSection
from service.settings import Settings
from service.settings_faults import SettingsInvalid


class Small(Settings):
    log: LogSection = LogSection()


class NoKey(Exception):
    next_step = "Write a key first."


@click.group(
    cls=LazyGroup, package="service.commands", names=("config",), elsewhere={"lost": "service.nowhere"}
)
@click.pass_context
def program(context: click.Context) -> None:
    context.obj = Invocation(Small, "small", None)


def test_command_runs_though_another_cannot_be_read() -> None:
    result = CliRunner().invoke(program, ["config"])
    assert result.exit_code == 0, result.output
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["log.level", "info", "default"],
        ["log.format", "json", "default"],
    ]


def test_command_that_is_not_there_is_refused_with_the_nearest() -> None:
    result = CliRunner().invoke(program, ["confg"])
    assert result.exit_code == 2
    assert "config" in result.stderr


def test_worker_processes_are_handed_the_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "small.toml"
    file.write_text('[log]\nlevel = "error"\nformat = "text"\n')
    monkeypatch.setenv("PEND_CONFIG", "")
    monkeypatch.setenv("PEND_LOG__LEVEL", "")
    given: dict[str, object] = {"log.level": "debug", "log.format": None}
    Invocation(Small, "small", file).hand_down(given)
    log = Invocation(Small, "small", None).settings().log
    assert (log.level, log.format) == ("debug", "text")


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (SettingsInvalid(()), EXIT_SETTINGS, ""),
        (Unavailable("away"), EXIT_DATABASE, "Check that PostgreSQL runs"),
        (SchemaMissing("no schema"), EXIT_SCHEMA, "db migrate"),
        (PrivilegeMissing("not allowed"), EXIT_PRIVILEGE, "Grant the role."),
        (NoKey("no key"), 11, "Write a key first."),
        (click.BadParameter("wrong"), 2, "wrong"),
        (click.Abort(), EXIT_INTERRUPTED, ""),
        (KeyboardInterrupt(), EXIT_INTERRUPTED, ""),
        (ZeroDivisionError("a defect"), EXIT_DEFECT, "a defect"),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, BaseException) else "",
)
def test_failure_ends_with_its_code_and_what_to_do(
    error: BaseException, code: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def work() -> None:
        raise error

    with pytest.raises(SystemExit) as ended:
        ended_well(work, next_step={EXIT_PRIVILEGE: "Grant the role."}, codes={NoKey: 11})
    assert ended.value.code == code
    assert told in capsys.readouterr().err
