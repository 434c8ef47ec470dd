"""How many calls one endpoint takes in a batch, learnt from what it refuses and how long it takes. PURE."""

from dataclasses import dataclass, field

# Full batches that must go well before the size grows by a quarter.
_GROW_AFTER = 16
# Full batches that must go well before the smallest size ever refused is tried again; doubles each time it
# is refused again, so that a fixed limit costs ever fewer refusals.
_PATIENCE_FIRST, _PATIENCE_MAX = 256, 16_384


@dataclass(slots=True)
class BatchLimit:
    """Shrinks on refusals and slowness, grows back up to `maximum`, remembers the lowest size refused.

    Batches that were already on their way when the limit shrank do not shrink it again.
    """

    maximum: int
    slow_s: float = float("inf")
    size: int = field(init=False)
    refused_at: int | None = field(init=False, default=None)
    _went_well: int = field(init=False, default=0)
    _patience: int = field(init=False, default=_PATIENCE_FIRST)

    def __post_init__(self) -> None:
        self.size = self.maximum

    def refused(self, count: int) -> None:
        """A batch of `count` was too much, and will be again."""
        if count > self.size:
            return
        if self.refused_at is not None and count >= self.refused_at:
            self._patience = min(2 * self._patience, _PATIENCE_MAX)
        else:
            self.refused_at = max(count, 2)
        self._shrink(count // 2)

    def strained(self, count: int) -> None:
        """A batch of `count` brought no answer: perhaps it was too much, perhaps the node is away."""
        if count <= self.size:
            self._shrink(count // 2)

    def answered(self, count: int, seconds: float) -> None:
        """A batch of `count` was answered; only full ones say that more could be asked."""
        if seconds > self.slow_s:
            if count <= self.size:
                self._shrink(int(count * max(0.5, self.slow_s / seconds)))
            return
        if self.refused_at is not None and count >= self.refused_at:
            self.refused_at, self._patience = None, _PATIENCE_FIRST
        # Near the target there is no room to grow, or the size would swing about it.
        if count < self.size or self.size == self.maximum or seconds > self.slow_s / 2:
            return
        self._went_well += 1
        larger = min(self.size + max(1, self.size // 4), self.maximum)
        if self.refused_at is not None and larger >= self.refused_at:
            larger = self.refused_at - 1
            if larger == self.size and self._went_well >= self._patience:
                larger = self.refused_at  # whoever set the limit may have lifted it
        if self._went_well >= _GROW_AFTER and larger > self.size:
            self.size, self._went_well = larger, 0

    def _shrink(self, size: int) -> None:
        self.size = max(1, min(self.size, size))
        self._went_well = 0
