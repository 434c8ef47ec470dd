"""What decoding gives: JSON-ready arguments, or the reason why the bytes are not what the ABI says."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

JsonValue: TypeAlias = "str | bool | list[JsonValue] | dict[str, JsonValue]"
Arguments: TypeAlias = dict[str, JsonValue]


class Fault(StrEnum):
    """What is wrong with the bytes; a metric's label."""

    TOPICS = "topics"
    SELECTOR = "selector"
    SHORT = "short"
    OFFSET = "offset"
    LENGTH = "length"
    PADDING = "padding"
    RANGE = "range"
    OVERLAP = "overlap"
    AMBIGUOUS = "ambiguous"


SENTENCES = {
    Fault.TOPICS: "the topics are not those of this event: another first topic, number or size",
    Fault.SELECTOR: "the first four bytes are not the selector",
    Fault.SHORT: "the data ends before the value does",
    Fault.OFFSET: "its offset points outside the data",
    Fault.LENGTH: "its length is more than the data that follows",
    Fault.PADDING: "bytes beside the value are not zero",
    Fault.RANGE: "the number is out of its type's range",
    Fault.OVERLAP: "offsets make the same bytes count more often than any encoder does",
    Fault.AMBIGUOUS: "several events with this first topic and number of topics fit",
}


@dataclass(frozen=True, slots=True)
class Undecodable:
    """Bytes that are not what the ABI says. `argument` is the path, such as `orders[].maker`, or empty."""

    fault: Fault
    argument: str = ""

    @property
    def reason(self) -> str:
        sentence = SENTENCES[self.fault]
        return f"{self.argument}: {sentence}" if self.argument else sentence


class Malformed(Exception):
    """Leaves a compiled function early; never leaves this package."""

    def __init__(self, outcome: Undecodable) -> None:
        super().__init__(outcome)
        self.outcome = outcome
