"""Logs, and the events that ABIs make of them."""

from datetime import datetime
from typing import Any

import msgspec


class DecodedEvent(msgspec.Struct, forbid_unknown_fields=True):
    """A log as an ABI reads it."""

    abi: str
    """Name of the ABI."""
    name: str
    signature: str
    arguments: dict[str, Any] | list[Any] | None
    """By name; null where the bytes are not what the event says."""
    undecodable: str | None
    """Why the bytes are not what the event says."""


class Log(msgspec.Struct, forbid_unknown_fields=True):
    """One log with its event, if an ABI knows it."""

    block_number: int
    log_index: int
    transaction_index: int
    transaction_hash: str
    timestamp: datetime
    address: str
    """The contract that emitted it."""
    topics: list[str]
    data: str
    event: DecodedEvent | None
    final: bool
    """Whether it can no longer change."""
