"""What every command needs first: the settings in force, and the log they ask for."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from indexer.settings import IndexerSettings
from service.logging import configure_logging
from service.settings import Loaded, load

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Invocation:
    """The options that stand before the command."""

    config_path: Path | None

    def load(self, overrides: dict[str, object] | None = None) -> Loaded[IndexerSettings]:
        """Settings with the command's own options on top. Raises `SettingsInvalid` with every fault."""
        loaded = load(IndexerSettings, self.config_path, overrides)
        configure_logging(loaded.settings.log.level, loaded.settings.log.format)
        return loaded

    def settings(self, overrides: dict[str, object] | None = None) -> IndexerSettings:
        return self.load(overrides).settings


pass_invocation = click.make_pass_decorator(Invocation)


def run(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`. Ctrl-C is heard even where a library loses it, as wait_for does before 3.12."""
    return asyncio.run(_unless_cancelled(work))


async def _unless_cancelled(work: Coroutine[Any, Any, T]) -> T:
    result = await work
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
    return result
