"""What a row of the outbox says on a channel, as JSON; pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from explorer_api.stream.channels import BLOCKS, TRANSACTIONS
from explorer_api.stream.transfers import TransferLog, transfers_of
from service.outbox import OutboxRow

BLOCKS_MAX = 100
"""Blocks of one row that are told one by one; more are told as a range."""
ITEMS_MAX = 500
"""Transactions and transfers in one message."""

Facts = Mapping[str, Any]
Telling = Iterator[tuple[str, bytes]]

_encode = msgspec.json.encode


def is_range(row: OutboxRow) -> bool:
    return row.to_block - row.from_block >= BLOCKS_MAX


def of_range(row: OutboxRow, channels: Collection[str]) -> Telling:
    """Many blocks at once, as a backfill stores them: where they are is all that is said."""
    for channel in channels:
        if channel == BLOCKS:
            yield channel, _encode(_block_range(row) | {"blocks": None})
        elif channel == TRANSACTIONS:
            yield channel, _encode(_transaction_range(row) | {"transactions": None, "more": True})
        else:
            lists = {"token_transfers": None, "more": True}
            if channel.startswith("address:"):
                lists = {"transactions": None, **lists}
            yield channel, _encode(_changed("range", row) | lists)


def of_payload(row: OutboxRow, channels: Collection[str]) -> Telling:
    """What was fetched, asked or learnt beside the blocks, of whom somebody listens to."""
    payload = row.payload if isinstance(row.payload, dict) else {}
    changes = []
    if row.kind == "fetched":
        changes = [(address, payload["fetched"]) for address in payload.get("addresses") or ()]
    elif row.kind == "token":
        changes = [(payload.get("token"), "token_metadata")]
    elif row.kind == "decoded":
        changes = [(payload.get("address"), "abi")]
    for address, change in changes:
        for kind in ("address", "token"):
            if address is not None and (channel := f"{kind}:{address}") in channels:
                yield channel, _encode(_changed(change, row))


def of_blocks(
    row: OutboxRow, facts: Facts, named: Collection[str], others: Sequence[str], limit: int
) -> Telling:
    """Blocks one by one. `limit` is how many transactions were read at most."""
    if BLOCKS in named:
        blocks = msgspec.Raw(facts["blocks"].replace("\n", "").encode())
        yield BLOCKS, _encode(_block_range(row) | {"blocks": blocks})
    transactions: list[tuple[str, str | None, str | None, msgspec.Raw]] = []
    if facts["transactions"] is not None:
        transactions = _decode_transactions(facts["transactions"].replace("\n", ""))
    if TRANSACTIONS in named and transactions:
        shown = [summary for *_, summary in transactions[:ITEMS_MAX]]
        rest = {"transactions": shown, "more": len(transactions) > ITEMS_MAX}
        yield TRANSACTIONS, _encode(_transaction_range(row) | rest)
    if others:
        yield from _of_others(row, facts, transactions, others, limit)


def _of_others(
    row: OutboxRow,
    facts: Facts,
    transactions: list[tuple[str, str | None, str | None, msgspec.Raw]],
    others: Sequence[str],
    limit: int,
) -> Telling:
    wanted = frozenset(others)
    moved: dict[str, list[msgspec.Raw]] = {}
    logs = _decode_logs(facts["transfers"])
    for fields in logs:
        for transfer in transfers_of(TransferLog(*fields)):
            parties = {f"address:{transfer['from_address']}", f"address:{transfer['to_address']}"}
            for channel in (parties | {f"token:{transfer['token']}"}) & wanted:
                moved.setdefault(channel, []).append(msgspec.Raw(_encode(transfer)))
    took_part: dict[str, list[msgspec.Raw]] = {}
    for *parties_of, summary in transactions:
        for channel in {f"address:{party}" for party in parties_of if party is not None} & wanted:
            took_part.setdefault(channel, []).append(summary)
    # Where not everything was looked at, nobody can be told that there was nothing.
    cut = len(transactions) >= limit or len(logs) >= 4 * limit
    for channel in others:
        given, sent = moved.get(channel, []), took_part.get(channel, [])
        if not (given or sent or cut):
            continue
        lists: dict[str, Any] = {"token_transfers": given[:ITEMS_MAX]}
        if channel.startswith("address:"):
            lists = {"transactions": sent[:ITEMS_MAX], **lists}
        more = cut or len(given) > ITEMS_MAX or len(sent) > ITEMS_MAX
        yield channel, _encode(_changed("blocks", row) | lists | {"more": more})


def _block_range(row: OutboxRow) -> dict[str, Any]:
    return {**_transaction_range(row), "log_count": _count(row, "logs")}


def _transaction_range(row: OutboxRow) -> dict[str, Any]:
    return {
        "from_block": row.from_block,
        "to_block": row.to_block,
        "transaction_count": _count(row, "transactions"),
    }


def _changed(what: str, row: OutboxRow) -> dict[str, Any]:
    return {"change": what, "from_block": row.from_block, "to_block": row.to_block}


def _count(row: OutboxRow, what: str) -> int | None:
    return row.payload.get(what) if isinstance(row.payload, dict) else None


_decode_transactions = msgspec.json.Decoder(
    list[tuple[str, str | None, str | None, msgspec.Raw]], strict=True
).decode
_decode_logs = msgspec.json.Decoder(
    list[tuple[int, int, int, str, str, str, str | None, str | None, str | None, str]]
).decode
