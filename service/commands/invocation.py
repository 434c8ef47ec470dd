"""What every command needs first: the settings in force, and the log they ask for."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import click

from service.logging import configure_logging
from service.sections import LogSection
from service.settings import CONFIG_VARIABLE, Loaded, Settings, load, variable_of

S = TypeVar("S", bound=Settings)


@dataclass(frozen=True, slots=True)
class Invocation(Generic[S]):
    """The options that stand before the command, and whose they are: every line of the log names `service`.

    The settings have a section `log`.
    """

    model: type[S]
    service: str
    config_path: Path | None

    def load(self, overrides: dict[str, object] | None = None) -> Loaded[S]:
        """Settings with the command's own options on top. Raises `SettingsInvalid` with every fault."""
        loaded = load(self.model, self.config_path, overrides)
        log = getattr(loaded.settings, "log", None)
        assert isinstance(log, LogSection), f"{self.model.__name__} has no section log"
        configure_logging(log.level, log.format, service=self.service)
        return loaded

    def settings(self, overrides: dict[str, object] | None = None) -> S:
        return self.load(overrides).settings

    def hand_down(self, overrides: dict[str, object]) -> None:
        """Let worker processes find the same settings: they read file and environment anew."""
        if self.config_path is not None:
            os.environ[CONFIG_VARIABLE] = str(self.config_path)
        for key, value in overrides.items():
            if value is not None:
                os.environ[variable_of(key)] = str(value)


pass_invocation = click.make_pass_decorator(Invocation)
