"""The network: its pace and load, its reorgs and finality, and how much of it is indexed."""

from datetime import datetime
from typing import Literal, get_args

import msgspec

Figure = Literal[
    "blocks",
    "transactions",
    "failed_transactions",
    "gas_used",
    "gas_used_ratio",
    "fees",
    "contracts_created",
    "token_transfers",
    "active_addresses",
    "new_addresses",
    "mean_block_time_s",
    "max_block_time_s",
]
FIGURES: tuple[str, ...] = get_args(Figure)


class NetworkFigures(msgspec.Struct, forbid_unknown_fields=True, rename={"from_": "from"}):
    """Sums over some hours or days of block time (UTC)."""

    from_: datetime
    """Where the first of them begins."""
    blocks: int
    transactions: int
    failed_transactions: int
    gas_used: int
    fees: str
    """Wei."""
    token_transfers: int
    contracts_created: int
    new_addresses: int
    active_addresses: int | None
    """Null where several hours or days are summed up: who is active in two would count twice."""
    mean_block_time_s: float | None


class NetworkStats(msgspec.Struct, forbid_unknown_fields=True):
    """What goes on. Figures of hours and days are null before the first block is derived."""

    chain_id: str
    consensus: str
    head_number: int
    head_timestamp: datetime | None
    finalized_number: int | None
    block_time_s: float | None
    """Mean time between the newest blocks."""
    transactions_per_second: float | None
    gas_used_ratio: float | None
    this_hour: NetworkFigures | None
    """The hour of the newest block, as far as it is."""
    last_hour: NetworkFigures | None
    """The last whole hour that has a block."""
    last_24_hours: NetworkFigures | None
    """The 24 hours that end with this one."""
    today: NetworkFigures | None
    total: NetworkFigures | None
    """All derived blocks: see meta.complete."""


class ChartPoint(msgspec.Struct, forbid_unknown_fields=True):
    """One hour or day; null where the figure is not known."""

    time: datetime
    value: float | str | None
    """A number; fees are wei, as text."""


class Chart(msgspec.Struct, forbid_unknown_fields=True, rename={"from_": "from"}):
    """One figure over time; hours and days without a block are left out."""

    figure: Figure
    interval: Literal["hour", "day"]
    from_: datetime | None
    to: datetime | None
    points: list[ChartPoint]


class Reorg(msgspec.Struct, forbid_unknown_fields=True):
    """A branch that was replaced."""

    id: int
    sequence: int | None
    detected_at: datetime
    ancestor_number: int
    """Highest block that both branches share."""
    ancestor_hash: str
    old_head_number: int
    old_head_hash: str
    new_head_number: int
    new_head_hash: str
    depth: int
    transactions_removed: int


class Finality(msgspec.Struct, forbid_unknown_fields=True):
    """How far blocks are final."""

    consensus: str
    head_number: int
    finalized_number: int | None
    """Null where the network knows no finality."""
    blocks_pending: int | None
    last_reorg_at: datetime | None
    last_reorg_depth: int | None


class BlockRange(msgspec.Struct, forbid_unknown_fields=True):
    from_block: int
    to_block: int


class DerivedRange(msgspec.Struct, forbid_unknown_fields=True):
    """Blocks for which a derivation's figures are complete; `to_block` null: none yet."""

    name: str
    from_block: int
    to_block: int | None
    lag_blocks: int


class QuarantinedBlock(msgspec.Struct, forbid_unknown_fields=True):
    """A block that could not be stored."""

    number: int
    kind: str
    attempts: int
    first_seen_at: datetime
    last_seen_at: datetime


class Verification(msgspec.Struct, forbid_unknown_fields=True):
    """How far what is stored was recomputed from its rows."""

    from_block: int
    to_block: int | None
    sound: bool
    """False: a difference was found above `to_block`."""
    checked_at: datetime


class Indexing(msgspec.Struct, forbid_unknown_fields=True):
    """How much of the network is indexed. Of ranges and blocks the highest 1,000."""

    indexed: list[BlockRange]
    gaps: list[BlockRange]
    derivations: list[DerivedRange]
    quarantined: list[QuarantinedBlock]
    verification: Verification | None
    head_committed_at: datetime | None
    """When anything was committed last."""
