"""Ctrl-C as a number to look at, never an exception in the middle of starting or stopping something."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


class Interrupted(Exception):
    """The person asked to stop; what was started is stopped on the way out."""


@dataclass(slots=True)
class Interrupts:
    """`asked` counts Ctrl-C; SIGTERM and SIGHUP count twice: they want no summary.

    `allowed` of them do not interrupt: none while starting, one when the summary is being made.
    """

    asked: int = 0
    allowed: int = 0

    def check(self) -> None:
        """Raise `Interrupted` once more was asked than is allowed."""
        if self.asked > self.allowed:
            raise Interrupted

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Count signals while the block lasts."""
        weights = {signal.SIGINT: 1, signal.SIGTERM: 2, signal.SIGHUP: 2}

        def count(number: int, _frame: object) -> None:
            self.asked += weights[signal.Signals(number)]

        previous = {number: signal.signal(number, count) for number in weights}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
