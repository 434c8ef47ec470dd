"""How many calls one endpoint takes in a batch, learnt from its refusals. PURE."""

# A limit that was hit is likely to stay: grow by one only after this many full batches went well.
_GROW_AFTER = 32


class BatchLimit:
    """Halves on a refusal, remembers it, and grows back slowly up to `maximum`."""

    def __init__(self, maximum: int) -> None:
        self.maximum = maximum
        self.size = maximum
        self._went_well = 0

    def refused(self, count: int) -> None:
        """A batch of `count` was too much."""
        self.size = max(1, min(self.size, count // 2))
        self._went_well = 0

    def accepted(self, count: int) -> None:
        """A batch of `count` was answered; only full ones say anything about the limit."""
        if count < self.size or self.size == self.maximum:
            return
        self._went_well += 1
        if self._went_well >= _GROW_AFTER:
            self.size += 1
            self._went_well = 0
