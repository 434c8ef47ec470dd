"""Blocks. Hashes and addresses are 0x text in lower case; wei and what may exceed 2^53 are decimal text."""

from datetime import datetime
from typing import Any

import msgspec


class BlockSummary(msgspec.Struct, forbid_unknown_fields=True):
    """A block as lists show it."""

    number: int
    hash: str
    parent_hash: str
    timestamp: datetime
    miner: str
    """Who sealed it: on QBFT and IBFT2 the proposer."""
    transaction_count: int
    log_count: int
    gas_used: int
    gas_limit: int
    base_fee_per_gas: str | None
    size: int
    """Bytes."""
    final: bool
    """Whether it can no longer change."""


class Block(BlockSummary, forbid_unknown_fields=True):
    """A block with its whole header."""

    difficulty: str
    total_difficulty: str | None
    nonce: str
    mix_hash: str
    sha3_uncles: str
    state_root: str
    transactions_root: str
    receipts_root: str
    logs_bloom: str
    extra_data: str
    withdrawals_root: str | None
    blob_gas_used: int | None
    excess_blob_gas: int | None
    parent_beacon_block_root: str | None
    requests_hash: str | None
    uncles: list[str]
    withdrawals: Any
    round: int | None
    """The round in which the validators agreed; above 0, proposers before were missed."""
    proven: bool | None
    """Whether enough validators of the set have sealed it; null where that is not known."""
    next_number: int | None
    """The block above, if it is indexed."""
