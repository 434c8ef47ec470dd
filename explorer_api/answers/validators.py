"""Validators: who they are at a block, and what each did."""

from datetime import datetime
from typing import Literal

import msgspec


class ValidatorSet(msgspec.Struct, forbid_unknown_fields=True):
    """Who may agree on a block."""

    block_number: int
    from_block: int
    """Since when the set is this one."""
    validators: list[str] | None
    """In order; null where a contract names them."""
    added: list[str] | None
    """Against the set before; null where either is not known."""
    removed: list[str] | None
    consensus: str


class Duty(msgspec.Struct, forbid_unknown_fields=True):
    """What a validator did in some time. A seal that is missing is no downtime by itself."""

    blocks_proposed: int
    proposals_missed: int
    """Rounds that failed under it."""
    blocks_sealed: int
    blocks_in_set: int
    """Blocks while it was in the set: 0 where a contract names the validators."""
    rounds_above_zero: int
    """Blocks that it proposed after a round had failed."""


class Validator(msgspec.Struct, forbid_unknown_fields=True):
    """One who is or was a validator."""

    address: str
    is_validator: bool | None
    """Whether it is in the newest set; null where that is not known."""
    first_in_set: int | None
    """First block of the first set that has it."""
    first_proposed: int | None
    last_proposed: int | None
    last_day: Duty
    """The 24 hours that end with that of the newest block."""
    last_30_days: Duty


class DutyPoint(Duty, forbid_unknown_fields=True, kw_only=True):
    """What a validator did in one hour or day (UTC)."""

    time: datetime


class Uptime(msgspec.Struct, forbid_unknown_fields=True, rename={"from_": "from"}):
    """What a validator did over time; hours and days without any block of its set are left out."""

    address: str
    interval: Literal["hour", "day"]
    from_: datetime | None
    to: datetime | None
    points: list[DutyPoint]


class AgreedBlock(msgspec.Struct, forbid_unknown_fields=True):
    """A block and how it was agreed on."""

    number: int
    hash: str
    timestamp: datetime
    transaction_count: int
    gas_used: int
    proposer: str
    round: int | None
    """0 when the first proposer succeeded; null on Clique, which has no rounds."""
    committers: list[str]
    """Who sealed it."""
    missed: list[str] | None
    """The expected proposers of the rounds that failed; null where nobody can tell."""
    proven: bool | None
    """Whether a quorum of the known validators has sealed it; null where nobody can tell."""
    final: bool
