"""Answers of this process, those read longest ago thrown away first."""

from dataclasses import dataclass, field

from explorer_api.answer import Answer


@dataclass(slots=True)
class LocalCache:
    """By request target. What is in here may be outdated: the tip says what may be served."""

    bytes_max: int
    size_bytes: int = 0
    _answers: dict[bytes, tuple[Answer, int]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, target: bytes) -> Answer | None:
        kept = self._answers.get(target)
        return None if kept is None else kept[0]

    def put(self, target: bytes, answer: Answer) -> None:
        """Keep it, unless it alone would fill a good part of the cache."""
        size = answer.size_bytes + len(target)
        if size > self.bytes_max // 8:
            return
        self.drop(target)
        self._answers[target] = (answer, size)
        self.size_bytes += size
        while self.size_bytes > self.bytes_max:
            self.drop(next(iter(self._answers)))

    def drop(self, target: bytes) -> None:
        gone = self._answers.pop(target, None)
        if gone is not None:
            self.size_bytes -= gone[1]

    def clear(self) -> None:
        self._answers.clear()
        self.size_bytes = 0
