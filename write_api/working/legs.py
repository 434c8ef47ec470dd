"""PURE: which event of the chain is the leg of which intent, and when there will be none."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias
from uuid import UUID

_KINDS = {"Invested(address,uint256)": "investment", "Withdrawn(address,uint256)": "withdrawal"}

_Key: TypeAlias = tuple[str, bytes, bytes, Decimal]
Place: TypeAlias = tuple[int, int]
"""Block number and index of a transaction in it."""


@dataclass(slots=True)
class Intent:
    """What was asked for, in the token's smallest units. `place` is that of the transaction it names."""

    id: UUID
    kind: str
    wallet: bytes
    pool: bytes
    amount: Decimal
    transaction_hash: bytes | None
    asked_at_block: int
    created_at: datetime
    expires_at: datetime
    place: Place | None = None

    @property
    def key(self) -> _Key:
        return self.kind, self.wallet, self.pool, self.amount


@dataclass(frozen=True, slots=True)
class PoolEvent:
    """What a wallet put into a pool or took out of it."""

    block_number: int
    log_index: int
    transaction_index: int
    pool: bytes
    signature: str
    wallet: bytes
    amount: Decimal | None


@dataclass(frozen=True, slots=True)
class History:
    """The decoded chain: whole from `first` to `decoded_to`, up to `settled_to` never another one."""

    first: int
    first_time: datetime
    decoded_to: int
    settled_to: int
    settled_time: datetime | None
    """None: nothing that is decoded is final."""

    def covers_life_of(self, intent: Intent) -> bool:
        """Whether all that could have been the leg before it expired is decoded and final."""
        begun = self.first <= intent.asked_at_block + 1 or self.first_time <= intent.created_at
        return begun and self.settled_time is not None and self.settled_time > intent.expires_at


class Waiting:
    """Intents without a leg, the oldest first."""

    def __init__(self, intents: Iterable[Intent]) -> None:
        self._by_key: dict[_Key, dict[UUID, Intent]] = {}
        for intent in intents:
            self._by_key.setdefault(intent.key, {})[intent.id] = intent

    def __iter__(self) -> Iterator[Intent]:
        return (intent for each in self._by_key.values() for intent in each.values())

    def for_event(self, event: PoolEvent, settled_to: int) -> list[Intent]:
        """Whose leg it may be. What leaves is counted once it is final: others are given its place."""
        kind = _KINDS[event.signature]
        if event.amount is None or (kind == "withdrawal" and event.block_number > settled_to):
            return []
        return [
            intent
            for intent in self._by_key.get((kind, event.wallet, event.pool, event.amount), {}).values()
            if event.block_number > intent.asked_at_block
            and (
                intent.transaction_hash is None
                or intent.place == (event.block_number, event.transaction_index)
            )
        ]

    def settled(self, intent: Intent) -> None:
        del self._by_key[intent.key][intent.id]


def failure(intent: Intent, history: History, reverted: frozenset[bytes]) -> str | None:
    """Why an intent that no event fits will never be settled; None: it still may."""
    if intent.transaction_hash is None or intent.place is None:
        return "expired" if history.covers_life_of(intent) else None
    if not history.first <= intent.place[0] <= history.settled_to:
        return None
    return "reverted" if intent.transaction_hash in reverted else "no_matching_event"
