"""What a commit of fetched rows tells the readers: which answers are others now."""

from collections.abc import Sequence
from typing import Literal

from evm.primitives import Address, to_hex
from indexer.fetched.pinned import Pin
from indexer.outbox import announce
from postgres.connections import Connection

Fetched = Literal["native_balances", "contract_codes", "internal_transfers"]


async def announce_fetched(
    connection: Connection, pin: Pin, fetched: Fetched, addresses: Sequence[Address] | None = None
) -> None:
    """One row, at a pin that the transaction has required; `addresses` are those that changed."""
    payload: dict[str, object] = {"fetched": fetched}
    if addresses is not None:
        payload["addresses"] = [to_hex(address) for address in addresses]
    await announce(connection, "fetched", (pin.number, pin.number), [payload], pin.hash)
