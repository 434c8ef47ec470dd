"""PURE: what verification finds: differences, and what it cannot judge."""

from dataclasses import dataclass, field

_SHOWN_BYTES_MAX = 40


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where what is stored is not what its hashes, roots, links or counts say.

    `kind` is a short label, `where` the part of the block, empty for the block itself.
    """

    number: int
    kind: str
    expected: str
    stored: str
    where: str = ""

    def __str__(self) -> str:
        part = f", {self.where}" if self.where else ""
        return f"block {self.number}{part}: {self.kind}: expected {self.expected}, stored {self.stored}"


@dataclass(slots=True)
class Findings:
    """Everything found about one block."""

    number: int
    differences: list[Difference] = field(default_factory=list)
    # The block holds a transaction of an unknown type: its two roots can be neither passed nor refused.
    unverifiable: bool = False

    def require(self, kind: str, expected: object, stored: object, where: str = "") -> None:
        """Note a difference unless the two are equal."""
        if expected != stored:
            self.differ(kind, expected, stored, where)

    def differ(self, kind: str, expected: object, stored: object, where: str = "") -> None:
        self.differences.append(Difference(self.number, kind, shown(expected), shown(stored), where))


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was read and what was found in blocks `first`…`last`."""

    first: int
    last: int
    blocks: int
    transactions: int
    logs: int
    differences: int
    unverifiable: int
    # The lowest blocks whose roots cannot be recomputed, for the summary.
    unverifiable_numbers: tuple[int, ...] = ()
    compared_with_node: int = 0

    def summary(self) -> str:
        """One line for a person, a second one where something could not be judged."""
        found = "no difference" if not self.differences else f"{self.differences:,} difference(s)"
        node = f", {self.compared_with_node:,} compared with the node" if self.compared_with_node else ""
        line = (
            f"blocks {self.first} to {self.last}: {self.blocks:,} blocks, {self.transactions:,} transactions "
            f"and {self.logs:,} logs verified{node}: {found}"
        )
        if not self.unverifiable:
            return line
        numbers = ", ".join(map(str, self.unverifiable_numbers))
        more = ", …" if self.unverifiable > len(self.unverifiable_numbers) else ""
        return (
            f"{line}\nunverifiable: transactions root and receipts root of {self.unverifiable:,} block(s) "
            f"with a transaction of an unknown type: {numbers}{more}"
        )


def shown(value: object) -> str:
    """A value as a difference shows it: bytes as hex, long ones cut in the middle."""
    if value is None:
        return "nothing"
    if isinstance(value, bytes):
        if len(value) <= _SHOWN_BYTES_MAX:
            return f"0x{value.hex()}"
        return f"0x{value[:16].hex()}…{value[-16:].hex()} ({len(value)} bytes)"
    return str(value)
