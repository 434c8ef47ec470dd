"""What can be wrong with an ABI that is to be registered, and with a redecode that was asked for."""

from collections.abc import Sequence
from pathlib import Path

from evm.abi.errors import AbiInvalid
from indexer.errors import Refused, Retryable, SecondWriter

_SHOWN_MAX = 20


class AbiUnreadable(Refused):
    """A file that holds no ABI, or more than an ABI may."""

    next_step = (
        "Give a JSON array of ABI entries, or a compiler's artifact that holds one under `abi`. "
        "No ABI was added."
    )

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path}: {reason}")

    @classmethod
    def of(cls, path: Path, error: AbiInvalid) -> "AbiUnreadable":
        return cls(path, str(error))


class AbiNameRefused(Refused):
    """A name that an ABI cannot have."""

    next_step = "Choose another one with --name, or by naming the file so. No ABI was added."

    def __init__(self, name: str, reason: str) -> None:
        self.name, self.reason = name, reason
        super().__init__(f"{name!r} cannot be the name of an ABI: {reason}")


class AddressRefused(Refused):
    """Text that is no address."""

    next_step = "An address is 0x and 40 hexadecimal digits, in lower case or with its checksum (EIP-55)."

    def __init__(self, text: str, where: str, reason: str) -> None:
        self.text, self.where, self.reason = text, where, reason
        super().__init__(f"{where} {text!r} is no address: {reason}")


class FactoryRefused(Refused):
    """A factory whose announcements cannot be read."""

    next_step = (
        "Write --factory ADDRESS:EVENT:ARGUMENT, such as 0x…:PairCreated:pair. The event must be declared by "
        "an ABI that reads the factory: add that one first, or give both files at once. No ABI was added."
    )

    def __init__(self, given: str, reason: str) -> None:
        self.given, self.reason = given, reason
        super().__init__(f"factory {given}: {reason}")


class AbiNotFound(Refused):
    """No ABI is registered by this name or id."""

    next_step = "`pend-index abi list` shows the names and ids in force."

    def __init__(self, wanted: str, known: Sequence[str]) -> None:
        self.wanted, self.known = wanted, tuple(known)
        shown = ", ".join(self.known[:_SHOWN_MAX]) or "none"
        more = f" and {len(self.known) - _SHOWN_MAX} more" if len(self.known) > _SHOWN_MAX else ""
        super().__init__(f"no ABI {wanted!r} is registered; there are: {shown}{more}")


class AbiAmbiguous(Refused):
    """A name that several ABIs in force have."""

    next_step = "Give the id of the one that is meant."

    def __init__(self, name: str, ids: Sequence[int]) -> None:
        self.name, self.ids = name, tuple(ids)
        super().__init__(
            f"{len(self.ids)} ABIs in force are named {name!r}: ids {', '.join(map(str, self.ids))}"
        )


class AbiOfFolder(Refused):
    """An ABI that a file of the watched folder brings back at once."""

    next_step = "Delete its file in decode.abi_folder; the running daemon removes the ABI then."

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"ABI {name!r} comes from the folder decode.abi_folder")


class NothingToRedecode(Refused):
    """A redecode of blocks that are not decoded yet."""

    next_step = "New blocks are decoded by the ABIs in force anyway; ask for blocks that are decoded already."

    def __init__(
        self, first: int, last: int | None, decoded_first: int | None, decoded_to: int | None
    ) -> None:
        self.first, self.last = first, last
        self.decoded_first, self.decoded_to = decoded_first, decoded_to
        asked = f"blocks {first} to {last}" if last is not None else f"blocks from {first} on"
        decoded = "no block is" if decoded_to is None else f"blocks {decoded_first} to {decoded_to} are"
        super().__init__(f"{asked} were asked for, {decoded} decoded")


class RedecodeRuns(SecondWriter):
    """Another redecode is at work in this database."""

    next_step = "Wait until the other `pend-index redecode` has ended, or stop it and run this one again."

    def __init__(self) -> None:
        super().__init__("another redecode")


class RedecodeOvertaken(Retryable):
    """A reorg took blocks away that were just to be swapped in."""

    next_step = "Run the same command again: it goes on with the blocks that are left."

    def __init__(self, staged_to: int, left_to: int) -> None:
        self.staged_to, self.left_to = staged_to, left_to
        super().__init__(f"decoded up to block {staged_to}, but a reorg left blocks up to {left_to} only")
