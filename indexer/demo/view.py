"""The demo on a screen: a live panel on a terminal, a line every two seconds anywhere else."""

import os
import sys
import time
from dataclasses import dataclass, field
from typing import Protocol

import click
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from indexer.demo.watch import Observation

_LINE_EVERY_S = 2.0


@dataclass(frozen=True, slots=True)
class Scene:
    """What is going on, beside the numbers; `look_at` names each thing a person may look at meanwhile."""

    phase: str
    clock: str
    look_at: tuple[tuple[str, str], ...] = ()


class View(Protocol):
    """Where the demo tells what happens."""

    def say(self, text: str) -> None:
        """Something happened, once."""

    def alarm(self, text: str) -> None:
        """Something happened that an operator must not miss."""

    def open_page(self, url: str) -> None:
        """Show a page to whoever looks, where there is a browser to show it in."""

    def refresh(self, scene: Scene, seen: Observation) -> None:
        """How things are now; called often."""

    def close(self) -> None:
        """No more refreshes; what is said goes on."""


def view_of_stdout() -> View:
    return TerminalView() if sys.stdout.isatty() else PlainView()


@dataclass(slots=True)
class PlainView:
    """Plain lines, for a file, a pipe or a test."""

    _line_at: float = 0.0

    def say(self, text: str) -> None:
        click.echo(text)

    def alarm(self, text: str) -> None:
        click.echo(text)

    def open_page(self, url: str) -> None:
        pass

    def refresh(self, scene: Scene, seen: Observation) -> None:
        now = time.monotonic()
        if now - self._line_at >= _LINE_EVERY_S:
            self._line_at = now
            click.echo(as_line(scene, seen))

    def close(self) -> None:
        pass


@dataclass(slots=True)
class TerminalView:
    """A panel that stays at the bottom; what is said scrolls above it."""

    _console: Console = field(default_factory=Console)
    _live: Live | None = None

    def say(self, text: str) -> None:
        self._console.print(escape(text), highlight=False)

    def alarm(self, text: str) -> None:
        self._console.print(Panel(escape(text), border_style="bold red"))

    def open_page(self, url: str) -> None:
        if sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
            click.launch(url)

    def refresh(self, scene: Scene, seen: Observation) -> None:
        if self._live is None:
            # No thread of rich's own: children are forked meanwhile.
            self._live = Live(console=self._console, auto_refresh=False)
            self._live.start()
        self._live.update(as_panel(scene, seen), refresh=True)

    def close(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


def as_line(scene: Scene, seen: Observation) -> str:
    return (
        f"{scene.clock} {scene.phase}: head {_number(seen.head)}, indexed {_number(seen.indexed)}, "
        f"lag {_lag(seen)}, {seen.blocks_per_s:.1f} blocks/s; "
        f"rows: {seen.blocks:,} blocks, {seen.transactions:,} transactions, {seen.logs:,} logs; "
        f"derived {_number(seen.derived)}: {figures(seen)}; reorgs {seen.reorgs}"
    )


def as_panel(scene: Scene, seen: Observation) -> Panel:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column(ratio=1)
    source = {None: "", True: "  (pushed by WebSocket)", False: "  (polled)"}[seen.by_websocket]
    rows = [
        ("phase", f"[bold]{escape(scene.phase)}[/]"),
        ("head", f"[bold]{_number(seen.head)}[/]{source}"),
        ("indexed", f"[bold]{_number(seen.indexed)}[/]"),
        ("lag", _lag(seen)),
        ("rate", f"{seen.blocks_per_s:,.1f} blocks/s, {seen.transactions_per_s:,.0f} transactions/s"),
        ("rows", f"{seen.blocks:,} blocks, {seen.transactions:,} transactions, {seen.logs:,} logs"),
        ("derived", f"[bold]{_number(seen.derived)}[/]: {figures(seen)}"),
        ("reorgs", f"{seen.reorgs} branches replaced, {seen.orphaned} orphaned headers kept"),
        ("refused", f"{seen.inconsistent_answers} inconsistent answers, {seen.quarantined} blocks set aside"),
        *((name, escape(value)) for name, value in scene.look_at),
    ]
    for name, value in rows:
        grid.add_row(name, value)
    return Panel(grid, title=f"pend-index demo {scene.clock}", subtitle="Ctrl-C ends it", border_style="cyan")


def figures(seen: Observation) -> str:
    """Some of what is derived, counted."""
    return f"{seen.token_transfers:,} token transfers, {seen.holders:,} holders, {seen.addresses:,} addresses"


def clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02}"


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _lag(seen: Observation) -> str:
    if seen.lag_blocks is None or seen.lag_s is None:
        return "-"
    return f"{seen.lag_blocks:,} blocks ({seen.lag_s:g} s)"
