"""What every command needs first: the settings in force, and the log they ask for."""

import os
from dataclasses import dataclass
from pathlib import Path

import click

from explorer_api.settings import ExplorerSettings
from service.logging import configure_logging
from service.settings import Loaded, load, variable_of


@dataclass(frozen=True, slots=True)
class Invocation:
    """The options that stand before the command."""

    config_path: Path | None

    def load(self, overrides: dict[str, object] | None = None) -> Loaded[ExplorerSettings]:
        """Settings with the command's own options on top. Raises `SettingsInvalid` with every fault."""
        loaded = load(ExplorerSettings, self.config_path, overrides)
        configure_logging(loaded.settings.log.level, loaded.settings.log.format, service="pend-explorer")
        return loaded

    def settings(self, overrides: dict[str, object] | None = None) -> ExplorerSettings:
        return self.load(overrides).settings

    def hand_down(self, overrides: dict[str, object]) -> None:
        """Let worker processes find the same settings: they read file and environment anew."""
        if self.config_path is not None:
            os.environ["PEND_CONFIG"] = str(self.config_path)
        for key, value in overrides.items():
            if value is not None:
                os.environ[variable_of(key)] = str(value)


pass_invocation = click.make_pass_decorator(Invocation)
