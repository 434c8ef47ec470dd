"""When the next block is due, from the last ones: how long an answer about the head may be kept by others."""

import time
from collections import deque
from dataclasses import dataclass, field

from service.outbox import OutboxRow

_SEEN_MAX = 16
_SECONDS_MAX = 30.0


@dataclass(slots=True)
class BlockPace:
    """Hears of blocks as they are committed."""

    _heard_at: "deque[float]" = field(default_factory=lambda: deque(maxlen=_SEEN_MAX))

    def hear(self, row: OutboxRow) -> None:
        if row.kind == "blocks":
            self._heard_at.append(time.monotonic())

    def next_block_in_s(self) -> float:
        """Seconds until a block may come; 0 where that is not known or overdue."""
        if len(self._heard_at) < 2:
            return 0.0
        first, last = self._heard_at[0], self._heard_at[-1]
        every_s = (last - first) / (len(self._heard_at) - 1)
        return min(_SECONDS_MAX, max(0.0, last + every_s - time.monotonic()))
