"""The ends of the audit chain, kept in a file outside of the database: one line of JSON for each seal.

Each line carries a MAC, so that who can write the file, and the database, forges none without the key store.
"""

import fcntl
import hmac
import os
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

import msgspec

KeyedHash: TypeAlias = Callable[[str, str], bytes]
_PURPOSE = "audit anchor"
_TAIL_BYTES = 64 * 1024


class AnchorsDisagree(Exception):
    """The file names another seal under the same number: the chain of the database is another."""


class Anchor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the file says of one seal."""

    number: int
    last_id: int
    hash: str
    sealed_at: datetime
    mac: str

    def is_ours(self, keyed_hash: KeyedHash) -> bool:
        """Whether its MAC is that of the key store."""
        return hmac.compare_digest(
            self.mac, _mac(keyed_hash, self.number, self.last_id, self.hash, self.sealed_at)
        )


def anchor(keyed_hash: KeyedHash, number: int, last_id: int, hash_: str, sealed_at: datetime) -> Anchor:
    return Anchor(number, last_id, hash_, sealed_at, _mac(keyed_hash, number, last_id, hash_, sealed_at))


def append(path: Path, anchors: Iterable[Anchor]) -> None:
    """Add what the file does not have yet, and wait until the disk holds it.

    A line that a crash cut off stays, and is written again whole after it. Raises
    `AnchorsDisagree`, `OSError`.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    with open(descriptor, "r+b", buffering=0) as file:  # noqa: PTH123  a descriptor, made with its mode
        fcntl.flock(file, fcntl.LOCK_EX)
        size = os.fstat(file.fileno()).st_size
        file.seek(max(0, size - _TAIL_BYTES))
        tail = file.read()
        there = {each.number: each for each in _whole(tail)}
        last = max(there, default=0)
        added = []
        for each in anchors:
            if each.number > last:
                added.append(msgspec.json.encode(each) + b"\n")
            elif (known := there.get(each.number)) is not None and known != each:
                raise AnchorsDisagree(
                    f"{path} has another seal {each.number} than the database: run `pend-write audit verify`"
                )
        if added:
            file.write((b"" if tail[-1:] in {b"\n", b""} else b"\n") + b"".join(added))
        os.fsync(file.fileno())
    _sync_folder(path)


def size(path: Path) -> int:
    """How long the file is while nobody writes it; 0 without one."""
    if not path.exists():
        return 0
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        return os.fstat(file.fileno()).st_size


def read(path: Path, bytes_: int) -> Iterator[Anchor | str]:
    """Every line of its first so many bytes, in order; a text for one that is none: what is wrong with it.

    The beginning of a line that follows it whole, or that nothing follows, is what a crash left, and passed
    over.
    """
    if not bytes_:
        return
    with path.open("rb") as file:
        torn, torn_at, at = b"", 0, 0
        for number, line in enumerate(file, 1):
            at += len(line)
            if at > bytes_:
                break
            try:
                found = msgspec.json.decode(line, type=Anchor)
            except (msgspec.DecodeError, msgspec.ValidationError):
                if torn:
                    yield f"line {torn_at} is no anchor"
                torn, torn_at = line, number
                continue
            if torn and not line.startswith(torn.rstrip(b"\n")):
                yield f"line {torn_at} is no anchor"
            torn = b""
            yield found
        if torn.endswith(b"\n"):
            yield f"line {torn_at} is no anchor"


def _whole(tail: bytes) -> Iterator[Anchor]:
    for line in tail.split(b"\n"):
        try:
            yield msgspec.json.decode(line, type=Anchor)
        except (msgspec.DecodeError, msgspec.ValidationError):
            continue


def _mac(keyed_hash: KeyedHash, number: int, last_id: int, hash_: str, sealed_at: datetime) -> str:
    text = msgspec.json.encode([number, last_id, hash_, sealed_at]).decode()
    return keyed_hash(_PURPOSE, text).hex()


def _sync_folder(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
