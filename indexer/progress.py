"""Shows how far a backfill is: a live bar on a terminal, plain lines at intervals elsewhere."""

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn
from rich.progress import Progress as Bar

LINE_EVERY_S = 10.0
_WINDOW_S = 30.0


class Progress:
    """`with Progress(total_blocks) as p: p.add(...)`; rates are of the last half minute."""

    def __init__(
        self,
        total_blocks: int,
        out: TextIO | None = None,
        *,
        line_every_s: float = LINE_EVERY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.total_blocks = total_blocks
        self.blocks = self.transactions = self.logs = self.bytes = 0
        self._out = sys.stderr if out is None else out
        self._clock = clock
        self._line_every_s = line_every_s
        self._started_at = self._line_at = clock()
        self._samples: list[tuple[float, int, int]] = [(self._started_at, 0, 0)]
        self._bar = _bar(self._out) if self._out.isatty() else None
        self._task = self._bar.add_task("backfill", total=total_blocks, detail="") if self._bar else None

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()
        self._write(self.summary())

    def add(self, blocks: int, transactions: int, logs: int, bytes: int) -> None:  # noqa: A002  the unit is the name
        """Counts work that has been committed."""
        self.blocks += blocks
        self.transactions += transactions
        self.logs += logs
        self.bytes += bytes
        now = self._clock()
        self._samples.append((now, self.blocks, self.transactions))
        while len(self._samples) > 2 and self._samples[1][0] <= now - _WINDOW_S:
            self._samples.pop(0)
        if self._bar and self._task is not None:
            self._bar.update(self._task, completed=self.blocks, detail=self._detail())
        elif now - self._line_at >= self._line_every_s:
            self._line_at = now
            self._write(self.line())

    @property
    def blocks_per_s(self) -> float:
        return self._rate(1)

    @property
    def transactions_per_s(self) -> float:
        return self._rate(2)

    @property
    def eta_s(self) -> float | None:
        """Seconds left at the present rate; None while nothing moves."""
        rate = self.blocks_per_s
        return (self.total_blocks - self.blocks) / rate if rate > 0 else None

    def line(self) -> str:
        """The state as one line."""
        share = 100 * self.blocks / self.total_blocks if self.total_blocks else 100.0
        return f"backfill {self.blocks:,}/{self.total_blocks:,} blocks ({share:.1f} %), {self._detail()}"

    def summary(self) -> str:
        """What was done in all, as one line."""
        seconds = max(self._clock() - self._started_at, 1e-9)
        return (
            f"stored {self.blocks:,} of {self.total_blocks:,} blocks, {self.transactions:,} transactions, "
            f"{self.logs:,} logs, {_size(self.bytes)} in {_duration(seconds)} "
            f"({self.blocks / seconds:,.0f} blocks/s)"
        )

    def _detail(self) -> str:
        eta = self.eta_s
        left = "unknown" if eta is None else _duration(eta)
        return (
            f"{self.blocks_per_s:,.0f} blocks/s, {self.transactions_per_s:,.0f} transactions/s, "
            f"{_size(self.bytes)}, {left} left"
        )

    def _rate(self, column: int) -> float:
        first, last = self._samples[0], self._samples[-1]
        seconds = last[0] - first[0]
        return (last[column] - first[column]) / seconds if seconds > 0 else 0.0

    def _write(self, text: str) -> None:
        self._out.write(text + "\n")
        self._out.flush()


class RangeProgress:
    """Says at intervals up to which block a long command is; a quick one says nothing."""

    def __init__(
        self,
        doing: str,
        out: TextIO | None = None,
        *,
        line_every_s: float = LINE_EVERY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._doing, self._out = doing, sys.stderr if out is None else out
        self._line_every_s, self._clock = line_every_s, clock
        self._line_at = clock()

    def reached(self, block: int, last: int) -> None:
        """Everything up to `block` is done; `last` is where it will end."""
        now = self._clock()
        if now - self._line_at >= self._line_every_s:
            self._line_at = now
            self._out.write(f"{self._doing}: block {block:,} of {last:,}\n")
            self._out.flush()


def _bar(out: TextIO) -> Bar:
    return Bar(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[detail]}"),
        console=Console(file=out),
    )


def _size(count: int) -> str:
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def _duration(seconds: float) -> str:
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, secs = divmod(rest, 60)
    return (
        f"{hours} h {minutes:02} min" if hours else f"{minutes} min {secs:02} s" if minutes else f"{secs} s"
    )
