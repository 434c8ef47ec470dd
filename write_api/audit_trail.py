"""PURE. Whether the audit trail is the one that was sealed: rows, seals and anchors, each fed in order.

A seal names its rows by id and hash, and the seal before by its hash; an anchor outside of the database
names a seal. So whatever is changed in one place shows in another. Ids that no row has are no finding: a
transaction that was rolled back leaves them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from write_api.audit_anchors import Anchor, KeyedHash

FIRST_PREVIOUS = sha256(b"").digest()


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the trail: `text` is what is hashed."""

    id: int
    timestamp: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Seal:
    """As account.audit_seals keeps it."""

    number: int
    first_id: int
    last_id: int
    row_ids: tuple[int, ...]
    row_hashes: tuple[bytes, ...]
    previous_hash: bytes
    hash: bytes
    sealed_at: datetime


@dataclass(frozen=True, slots=True)
class Finding:
    """What is not as it was sealed."""

    subject: str
    """row, seal or anchor, with its number."""
    fault: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.fault}"


def seal_hash(previous: bytes, number: int, ids: tuple[int, ...], hashes: tuple[bytes, ...]) -> bytes:
    """As account.seal_hash makes it."""
    digest = sha256(previous + _int8(number))
    for id_, hash_ in zip(ids, hashes, strict=True):
        digest.update(_int8(id_) + hash_)
    return digest.digest()


class SealedRows:
    """The rows between the seal before and the end of this one, in order of id."""

    def __init__(self, seal: Seal, *, after_gap: bool) -> None:
        self._sealed = dict(zip(seal.row_ids, seal.row_hashes, strict=False))
        self._from = seal.first_id if after_gap else 0
        self._number = seal.number

    def row(self, row: Row) -> Finding | None:
        """What is wrong with a row that is there."""
        kept = self._sealed.pop(row.id, None)
        if kept is None:
            # Of a seal that is missing nobody can say which rows it had.
            return Finding(f"row {row.id}", "was inserted after its time") if row.id >= self._from else None
        if kept != sha256(row.text.encode()).digest():
            return Finding(f"row {row.id}", f"was altered since it was sealed (seal {self._number})")
        return None

    def end(self) -> Iterator[Finding]:
        """Rows that are not there any more."""
        for id_ in sorted(self._sealed):
            yield Finding(f"row {id_}", f"was removed since it was sealed (seal {self._number})")


class Chain:
    """The seals in order of number, and beside each what the file of anchors says of it."""

    def __init__(self, anchors: Iterator[Anchor | str], keyed_hash: KeyedHash, latest: datetime) -> None:
        """Rows and seals older than `latest` are sealed and anchored by now."""
        self._anchors = anchors
        self._keyed_hash = keyed_hash
        self._latest = latest
        self._anchor: Anchor | None = None
        self._before: Seal | None = None
        self._unsealed: list[Row] = []
        self.anchors = 0

    @property
    def last_id(self) -> int:
        """The newest row that is sealed."""
        return 0 if self._before is None else self._before.last_id

    def seal(self, seal: Seal) -> Iterator[Finding]:
        """What is wrong with the seal itself, its place and its anchor."""
        name = f"seal {seal.number}"
        before = self._before
        number, previous = (0, FIRST_PREVIOUS) if before is None else (before.number, before.hash)
        if seal.number != number + 1:
            yield Finding(_range("seal", number + 1, seal.number - 1), "was removed")
        elif seal.previous_hash != previous:
            yield Finding(name, "does not follow the seal before it: one of them was altered")
        ids, hashes = seal.row_ids, seal.row_hashes
        if (
            len(ids) != len(hashes)
            or not ids
            or (seal.first_id, seal.last_id) != (ids[0], ids[-1])
            or list(ids) != sorted(set(ids))
            or seal.first_id <= self.last_id
            or seal_hash(seal.previous_hash, seal.number, ids, hashes) != seal.hash
        ):
            yield Finding(name, "was altered: its hash is not that of its rows")
        yield from self._of_anchors(seal)
        self._before = seal

    def is_after_gap(self, seal: Seal) -> bool:
        """Whether seals are missing before this one; asked before `seal`."""
        return seal.number != (0 if self._before is None else self._before.number) + 1

    def unsealed(self, row: Row) -> None:
        """A row after the last seal."""
        if row.timestamp < self._latest:
            self._unsealed = [*self._unsealed[:1], row]

    def end(self) -> Iterator[Finding]:
        """Anchors of seals that are not there, and rows that wait for a seal for too long."""
        while (found := self._next()) is not None:
            yield found if isinstance(found, Finding) else _removed(found)
            self._anchor = None
        if self._unsealed:
            first, last = self._unsealed[0], self._unsealed[-1]
            since = first.timestamp.isoformat(timespec="seconds")
            yield Finding(_range("row", first.id, last.id), f"not sealed, though of {since} and later")

    def _of_anchors(self, seal: Seal) -> Iterator[Finding]:
        is_anchored = False
        while (found := self._next()) is not None:
            if isinstance(found, Finding):
                yield found
                continue
            if found.number > seal.number:
                break
            self._anchor = None
            if found.number < seal.number:
                yield _removed(found)
                continue
            is_anchored = True
            if (found.hash, found.last_id) != (seal.hash.hex(), seal.last_id):
                yield Finding(f"seal {seal.number}", "is not the one that was anchored")
        if not is_anchored and seal.sealed_at < self._latest:
            yield Finding(f"anchor {seal.number}", "is missing")

    def _next(self) -> "Anchor | Finding | None":
        """The next anchor, which stays the next one until it is taken; a line that is none is passed once."""
        if self._anchor is None:
            found = next(self._anchors, None)
            if isinstance(found, str):
                return Finding("anchor file", found)
            if found is None:
                return None
            self.anchors += 1
            if not found.is_ours(self._keyed_hash):
                return Finding(f"anchor {found.number}", "is false: the key store did not sign it")
            self._anchor = found
        return self._anchor


def _removed(anchor: Anchor) -> Finding:
    return Finding(f"seal {anchor.number}", "was removed: it is anchored, and not where it was")


def _range(noun: str, first: int, last: int) -> str:
    return f"{noun} {first}" if first == last else f"{noun}s {first} to {last}"


def _int8(number: int) -> bytes:
    return number.to_bytes(8, "big", signed=True)
