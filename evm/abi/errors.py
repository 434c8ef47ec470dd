"""`AbiInvalid`: a JSON ABI that cannot be read, with every `AbiFault` that was found in it."""

from dataclasses import dataclass

_FAULTS_SHOWN_MAX = 20


@dataclass(frozen=True, slots=True)
class AbiFault:
    """One thing wrong: in which entry, in which of its fields, and what."""

    entry: str
    field: str
    problem: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.entry, self.field, self.problem) if part)


class AbiInvalid(ValueError):
    """A JSON ABI that cannot be read; `faults` are all that is wrong with it."""

    def __init__(self, faults: tuple[AbiFault, ...]) -> None:
        told = [str(fault) for fault in faults[:_FAULTS_SHOWN_MAX]]
        if len(faults) > _FAULTS_SHOWN_MAX:
            told.append(f"and {len(faults) - _FAULTS_SHOWN_MAX} more")
        super().__init__("; ".join(told))
        self.faults = faults
