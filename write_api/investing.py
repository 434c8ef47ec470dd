"""Investments and movements as rows, as answers; what both of their routes parse."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from service.http.problems import NotFound
from write_api.acting import Act, Row, queries
from write_api.answers.investments import Investment
from write_api.answers.transactions import Transaction
from write_api.bodies import Faults
from write_api.inputs import addresses, amounts

_DIGITS_MAX, _DECIMALS_MAX = 20, 18
"""Of the columns: numeric(38, 18)."""


def parse_amount(found: Faults, given: str) -> Decimal:
    """An amount above 0 that the columns hold; whether the asset takes it, the database says."""
    return found.parse(
        "amount",
        amounts.parse,
        given,
        integer_digits_max=_DIGITS_MAX,
        decimals_max=_DECIMALS_MAX,
        positive=True,
    )


async def investments_of(act: Act, ids: Sequence[UUID]) -> list[Investment]:
    """Newest first."""
    rows = await act.many(queries.select_investments, ids)
    return [_investment(row) for row in rows]


async def investment_of(act: Act, id_: UUID) -> Investment:
    """Raises `NotFound`."""
    found = await investments_of(act, [id_])
    if not found:
        raise investment_missing()
    return found[0]


async def transaction_of(act: Act, id_: UUID) -> Transaction:
    """One movement of the user who acts. Raises `NotFound`."""
    row = await act.one(queries.select_transaction, id_, act.me)
    if row is None:
        raise NotFound("there is no such transaction")
    return transaction(row)


def investment_missing() -> NotFound:
    """The same words whether there is none or it is somebody else's."""
    return NotFound("there is no such investment")


def transaction(row: Row) -> Transaction:
    return Transaction(
        id=row["id"],
        investment_id=row["investment_id"],
        asset_id=row["asset_id"],
        asset_title=row["title"],
        kind=row["kind"],
        amount=amounts.to_text(row["amount"]),
        chain_amount=_whole(row["chain_amount"]),
        currency=row["currency"],
        status=row["status"],
        transaction_hash=_hash(row["transaction_hash"]),
        block_number=row["block_number"],
        log_index=row["log_index"],
        is_final=row["is_final"],
        failure_reason=row["failure_reason"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        settled_at=row["settled_at"],
    )


def _investment(row: Row) -> Investment:
    contract: bytes | None = row["contract_address"]
    locked_until: datetime | None = row["locked_until"]
    return Investment(
        id=row["id"],
        user_id=row["user_id"],
        asset_id=row["asset_id"],
        asset_title=row["title"],
        contract_address=None if contract is None else addresses.checksummed(contract),
        amount=amounts.to_text(row["amount"]),
        chain_amount=_whole(row["chain_amount"]),
        currency=row["currency"],
        status=row["status"],
        withdrawn=amounts.to_text(row["withdrawn"]),
        withdrawing=amounts.to_text(row["withdrawing"]),
        transaction_id=row["transaction_id"],
        transaction_hash=_hash(row["transaction_hash"]),
        block_number=row["block_number"],
        failure_reason=row["failure_reason"],
        invested_at=row["invested_at"],
        confirmed_at=row["confirmed_at"],
        expires_at=row["expires_at"],
        locked_until=locked_until,
        version=row["version"],
    )


def _whole(amount: Decimal | None) -> str | None:
    return None if amount is None else amounts.to_text(amount)


def _hash(value: bytes | None) -> str | None:
    return None if value is None else "0x" + value.hex()
