"""Whether an endpoint is to be asked: a circuit breaker that always comes round to trying again. PURE."""

import random
import time
from collections.abc import Callable

from node.errors import AccessDenied, NodeError, NodeInconsistent, NodeRetryable, WrongChain, WrongGenesis

_FOREIGN = (WrongChain, WrongGenesis)
_DOUBLINGS_MAX = 16


class Health:
    """In use; set aside, to be asked only where no other can be; or shut, with a single probe at a time.

    The first failure sets aside, `failures_max` in a row shut, and another network shuts at once. The way
    back is a probe after a wait, which doubles until something other than a probe is answered.
    """

    def __init__(
        self,
        *,
        failures_max: int,
        wait_initial_s: float,
        wait_max_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._failures_max = failures_max
        self._wait_initial_s, self._wait_max_s = wait_initial_s, wait_max_s
        self._clock = clock
        self._failures = 0
        self._doublings = 0
        self._probe_at_s: float | None = None
        self.error: NodeError | None = None  # the last that counted; why it is shut, if it is

    @property
    def in_use(self) -> bool:
        return self._probe_at_s is None

    @property
    def shut(self) -> bool:
        return not self.in_use and (isinstance(self.error, _FOREIGN) or self._failures >= self._failures_max)

    @property
    def wait_s(self) -> float:
        """Until it may be probed; 0 while it is in use."""
        return 0.0 if self._probe_at_s is None else max(0.0, self._probe_at_s - self._clock())

    def succeeded(self) -> None:
        """It did what it is there for."""
        self._failures = self._doublings = 0
        self._probe_at_s = self.error = None

    def answered(self) -> None:
        """A request for blocks got through, whatever comes of them: it is there. Waits begin small again."""
        self._doublings = 0

    def passed(self) -> None:
        """A probe got through. The next failure shuts it again, unless a success comes first."""
        self._failures = min(self._failures, self._failures_max - 1)
        self._probe_at_s = self.error = None

    def failed(self, error: NodeError) -> bool:
        """Whether this changed anything: it was in use before, or has become shut."""
        was_in_use, was_shut = self.in_use, self.shut
        if _is_about_endpoint(error):
            self._failures += 1
            self.error = error
        self.set_aside()
        return was_in_use or self.shut != was_shut

    def set_aside(self) -> None:
        """Ask others first; failures of what was on its way already do not lengthen the wait."""
        if self.wait_s > 0:
            return
        wait_s = min(self._wait_initial_s * 2**self._doublings, self._wait_max_s)
        self._doublings = min(self._doublings + 1, _DOUBLINGS_MAX)
        # Several processes that met the same outage should not come back in step.
        self._probe_at_s = self._clock() + wait_s * random.uniform(0.75, 1.0)  # noqa: S311


def _is_about_endpoint(error: NodeError) -> bool:
    """Answers that are wrong about one block must not keep any other block from being asked for."""
    return isinstance(error, (NodeRetryable, AccessDenied, *_FOREIGN)) and not isinstance(
        error, NodeInconsistent
    )
