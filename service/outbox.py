"""Rows of the outbox as every reader knows them, and the rules by which one follows the other (invariant 10).

Each row carries a stamp, when its transaction began, and each message the stamp of the row before it, as a
block names its parent: a database that was rebuilt, restored or failed over to an older standby may give
the same number again, never the same number and stamp.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from postgres.connections import Connection
from postgres.queries import load

queries = load("service")

PAGE_ROWS = 500


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One committed change. `stamp` is when its transaction began, in microseconds since 1970."""

    sequence: int
    stamp: int
    kind: str
    from_block: int
    to_block: int
    head_hash: bytes | None
    payload: Any


@dataclass(frozen=True, slots=True)
class Position:
    """The last row that a reader has seen; `stamp` None where it knows the number alone."""

    sequence: int
    stamp: int | None = None

    @classmethod
    def of(cls, row: OutboxRow) -> "Position":
        return cls(row.sequence, row.stamp)


@dataclass(frozen=True, slots=True)
class Message:
    """A row as Redis carries it. `follows` is the stamp of the row before it, None if unknown."""

    row: OutboxRow
    follows: int | None


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the outbox holds. `founded` tells one database of a network from another."""

    chain_id: str
    founded: int
    oldest: int
    newest: int
    is_standby: bool

    @property
    def channel(self) -> str:
        """The channel, and the stem of this outbox's keys in Redis; the braces keep them on one node."""
        return f"pend:{{{self.chain_id}-{self.founded}}}:outbox"

    @property
    def stream(self) -> str:
        return f"{self.channel}:stream"


class Resync(Exception):
    """The row that a reader needs is not there any more, or history is another: it reads everything anew.

    What it reads from now on holds at least what was committed up to `newest`.
    """

    def __init__(self, position: Position, oldest: int, newest: int) -> None:
        self.position, self.oldest, self.newest = position, oldest, newest
        why = (
            "it is another history"
            if oldest <= position.sequence + 1 <= newest + 1
            else "the next row is not there"
        )
        super().__init__(
            f"the outbox holds {oldest} to {newest} and cannot go on after {position.sequence}: {why};"
            f" read the chain anew, then follow from {newest}"
        )


class Verdict(Enum):
    """What a message is to a reader."""

    NEXT = "next"
    SEEN = "seen"
    ASK = "ask"
    """Something is between, or wrong: the database knows."""


def judge(position: Position, message: Message) -> Verdict:
    """Whether `message` follows `position`. Whatever Redis loses, doubles or shuffles, only NEXT is taken."""
    row = message.row
    if row.sequence == position.sequence + 1:
        known = position.stamp in {None, message.follows}
        return Verdict.NEXT if known else Verdict.ASK
    if row.sequence > position.sequence:
        return Verdict.ASK
    if row.sequence == position.sequence and position.stamp not in {None, row.stamp}:
        return Verdict.ASK
    return Verdict.SEEN


def rows_after(position: Position, page: Sequence[OutboxRow]) -> Sequence[OutboxRow] | None:
    """What follows `position` in a page read from its sequence on; None when it does not go on there.

    The row at `position` itself may have been pruned when the one after it has not.
    """
    if not page:
        return () if position.sequence == 0 else None
    if page[0].sequence == position.sequence:
        return page[1:] if position.stamp in {None, page[0].stamp} else None
    return page if page[0].sequence == position.sequence + 1 else None


def encode(message: Message) -> bytes:
    """One JSON object; whole numbers of any size and text come back as they were."""
    row = message.row
    fields = {
        "sequence": row.sequence,
        "stamp": row.stamp,
        "follows": message.follows,
        "kind": row.kind,
        "from_block": row.from_block,
        "to_block": row.to_block,
        "head_hash": None if row.head_hash is None else f"0x{row.head_hash.hex()}",
        "payload": row.payload,
    }
    return json.dumps(fields, separators=(",", ":")).encode()


def decode(data: bytes) -> Message | None:
    """The inverse; None for what is no message of a relay."""
    try:
        fields = json.loads(data)
        follows, head_hash = fields["follows"], fields["head_hash"]
        row = OutboxRow(
            sequence=int(fields["sequence"]),
            stamp=int(fields["stamp"]),
            kind=str(fields["kind"]),
            from_block=int(fields["from_block"]),
            to_block=int(fields["to_block"]),
            head_hash=None if head_hash is None else bytes.fromhex(head_hash.removeprefix("0x")),
            payload=fields["payload"],
        )
        return Message(row, None if follows is None else int(follows))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


async def select_page(connection: Connection, sequence: int, rows_max: int = PAGE_ROWS) -> list[OutboxRow]:
    """Rows from `sequence` on, itself included. Raises the driver's errors."""
    return [
        OutboxRow(**{**row, "payload": None if row["payload"] is None else json.loads(row["payload"])})
        for row in await queries.select_outbox_from.many(connection, sequence, rows_max + 1)
    ]


async def select_bounds(connection: Connection) -> Bounds | None:
    """None before a network is recorded. Raises the driver's errors."""
    row = await queries.select_outbox_bounds.one(connection)
    return None if row is None else Bounds(**row)
