"""Every derivation, in the order in which a range is applied; it is reverted in the opposite one.

A derivation stands after those whose rows it reads. A new one begins at its own watermark and catches up.
"""

from indexer.derive.address_token_transfers import ADDRESS_TOKEN_TRANSFERS
from indexer.derive.address_transactions import ADDRESS_TRANSACTIONS
from indexer.derive.addresses import ADDRESSES
from indexer.derive.consensus_rounds import CONSENSUS_ROUNDS
from indexer.derive.decoded_events import DECODED_EVENTS, DecodedEvents
from indexer.derive.derivation import Derivation
from indexer.derive.token_balances import TOKEN_BALANCES
from indexer.derive.token_transfers import TOKEN_TRANSFERS
from indexer.derive.validator_hourly import VALIDATOR_HOURLY

REGISTRY: tuple[Derivation, ...] = (
    TOKEN_TRANSFERS,
    DECODED_EVENTS,
    TOKEN_BALANCES,
    ADDRESS_TRANSACTIONS,
    ADDRESS_TOKEN_TRANSFERS,
    ADDRESSES,
    CONSENSUS_ROUNDS,
    VALIDATOR_HOURLY,
)


def recomputing() -> tuple[Derivation, ...]:
    """The same, to derive stored blocks again: by the ABIs that were in force then, and leaving no record."""
    return tuple(DecodedEvents(recompute=True) if each is DECODED_EVENTS else each for each in REGISTRY)


def filling(table: str) -> Derivation | None:
    """The derivation that fills a table, to derive stored blocks again; None: no such table."""
    return next((each for each in recomputing() if table in each.tables), None)
