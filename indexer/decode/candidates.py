"""ABIs that are to be registered: a file and the options given with it, each checked by itself."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evm.abi.entries import Abi, Event, argument_names
from evm.abi.errors import AbiInvalid
from evm.abi.reading import read_abi
from evm.abi.types import Kind, Word
from evm.primitives import MalformedHex, hex_to_bytes, keccak256, to_hex
from indexer.decode.abis import Factory, NamedAbi, built_in_names, content_hash, content_of
from indexer.decode.errors import AbiNameRefused, AbiUnreadable, AddressRefused, FactoryRefused

FILE_BYTES_MAX = 16 * 1024 * 1024
NAME_CHARACTERS_MAX = 100

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*", re.ASCII)
_BLOCK_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Announcement:
    """Which event of which factory names its children, and where; the event as it was written."""

    address: bytes
    event: str
    argument: str

    def __str__(self) -> str:
        return f"{to_hex(self.address)}:{self.event}:{self.argument}"


@dataclass(frozen=True, slots=True)
class Candidate:
    """An ABI with whom it is for. `content` is what is stored of it."""

    name: str
    abi: Abi
    content: str
    address: bytes | None = None
    announcement: Announcement | None = None
    from_block: int = 0

    @property
    def content_hash(self) -> bytes:
        return content_hash(self.content)


def read_candidate(
    path: Path,
    *,
    name: str | None = None,
    address: str | None = None,
    factory: str | None = None,
    from_block: int | None = None,
) -> Candidate:
    """The ABI in a file. What is not given may stand beside its `abi`: `address`, `factory`, `fromBlock`.

    Raises `AbiUnreadable`, `AbiNameRefused`, `AddressRefused`, `FactoryRefused`.
    """
    text = _read(path)
    try:
        abi = read_abi(text)
    except AbiInvalid as error:
        raise AbiUnreadable.of(path, error) from error
    if not (abi.events or abi.functions or abi.errors):
        raise AbiUnreadable(path, "it declares no event, function or error")
    beside = _beside(text)
    address, factory = (address, factory) if address or factory else _for_whom(path, beside)
    if address is not None and factory is not None:
        raise AbiUnreadable(path, "it is for one address or for the children of a factory, not for both")
    return Candidate(
        name=checked_name(name or path.stem),
        abi=abi,
        content=content_of(abi),
        address=None if address is None else parse_address(address, "address"),
        announcement=None if factory is None else parse_announcement(factory),
        from_block=_from_block(path, beside) if from_block is None else from_block,
    )


def checked_name(name: str) -> str:
    if name in built_in_names():
        raise AbiNameRefused(name, "a built-in ABI is called so")
    if len(name) > NAME_CHARACTERS_MAX:
        raise AbiNameRefused(
            name[:NAME_CHARACTERS_MAX], f"it has {len(name)} of {NAME_CHARACTERS_MAX} characters"
        )
    if _NAME.fullmatch(name) is None:
        raise AbiNameRefused(name, "names are letters, digits, _, . and -, a letter or _ first")
    return name


def parse_address(text: str, where: str) -> bytes:
    """20 bytes; a spelling in both cases must be the checksum's (EIP-55)."""
    try:
        address = hex_to_bytes(text)
    except MalformedHex:
        raise AddressRefused(text[:80], where, "expected 0x and hexadecimal digits") from None
    if len(address) != 20:
        raise AddressRefused(text[:80], where, f"it has {len(address)} bytes instead of 20")
    digits = text[2:]
    if digits not in {digits.lower(), digits.upper(), _checksummed(digits.lower())}:
        raise AddressRefused(text, where, "its checksum is wrong, so a digit is")
    return address


def parse_announcement(text: str) -> Announcement:
    """ADDRESS:EVENT:ARGUMENT."""
    address, _, rest = text.partition(":")
    event, _, argument = rest.rpartition(":")
    if not (address and event and argument):
        raise FactoryRefused(text[:200], "expected three parts with colons between them")
    return Announcement(parse_address(address, "factory"), event.replace(" ", ""), argument)


def resolve(announcement: Announcement, sources: Iterable[Sequence[Event]]) -> Factory:
    """The event that is meant, of the first source that declares one. Raises `FactoryRefused`."""
    given = str(announcement)
    for source in sources:
        found = {
            (event.signature, event.indexed_positions): event
            for event in source
            if announcement.event in {event.name, event.signature}
        }
        if len(found) > 1:
            signatures = ", ".join(signature for signature, _ in found)
            raise FactoryRefused(given, f"several events are meant; give one by its signature: {signatures}")
        for event in found.values():
            _check_argument(given, event, announcement.argument)
            return Factory(announcement.address, event, announcement.argument)
    raise FactoryRefused(given, f"no known ABI of that contract declares the event {announcement.event}")


def events_of(abis: Iterable[NamedAbi]) -> list[Event]:
    return [event for each in abis for event in each.abi.events]


def _check_argument(given: str, event: Event, argument: str) -> None:
    if event.anonymous:
        raise FactoryRefused(given, f"{event.signature} is anonymous: its logs cannot be told apart")
    names = argument_names(event.parameters)
    types = dict(zip(names, (parameter.type for parameter in event.parameters), strict=True))
    if argument not in types:
        raise FactoryRefused(given, f"{event.signature} has the arguments {', '.join(names) or 'none'}")
    if types[argument] != Word(Kind.ADDRESS):
        raise FactoryRefused(given, f"{argument} is {types[argument].canonical}, expected address")


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            text = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise AbiUnreadable(path, error.strerror or str(error)) from error
    if len(text) > FILE_BYTES_MAX:
        raise AbiUnreadable(path, f"it is larger than {FILE_BYTES_MAX} bytes")
    return text


def _beside(text: bytes) -> dict[str, Any]:
    document = json.loads(text.decode("utf-8-sig"))
    return document if isinstance(document, dict) else {}


def _for_whom(path: Path, beside: dict[str, Any]) -> tuple[str | None, str | None]:
    address, factory = beside.get("address") or None, beside.get("factory") or None
    for key, value in (("address", address), ("factory", factory)):
        if value is not None and not isinstance(value, str):
            raise AbiUnreadable(path, f"`{key}` beside its `abi` is no text")
    return address, factory


def _from_block(path: Path, beside: dict[str, Any]) -> int:
    block = beside.get("fromBlock", 0)
    if isinstance(block, bool) or not isinstance(block, int) or not 0 <= block <= _BLOCK_MAX:
        raise AbiUnreadable(path, f"`fromBlock` beside its `abi` is no block number from 0 to {_BLOCK_MAX}")
    return block


def _checksummed(digits: str) -> str:
    marks = keccak256(digits.encode()).hex()
    return "".join(digit.upper() if mark > "7" else digit for digit, mark in zip(digits, marks, strict=False))
