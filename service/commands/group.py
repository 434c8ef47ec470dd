"""The commands of a program, each read when it is asked for: some take longer to read than others to run."""

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

import click
from click.exceptions import NoSuchCommand


class LazyGroup(click.Group):
    """Command `name` is `name` of the module `package.name`, or of the module that `elsewhere` names."""

    def __init__(
        self,
        *,
        package: str,
        names: Sequence[str],
        elsewhere: Mapping[str, str] | None = None,
        **attributes: Any,
    ) -> None:
        super().__init__(**attributes)
        self._modules = {name: f"{package}.{name}" for name in names} | dict(elsewhere or {})

    def list_commands(self, _context: click.Context) -> list[str]:
        return sorted(self._modules)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in self._modules:
            raise NoSuchCommand(name, possibilities=self._modules, ctx=context)
        command: click.Command = getattr(importlib.import_module(self._modules[name]), name)
        return command
