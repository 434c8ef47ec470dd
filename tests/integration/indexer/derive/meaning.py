"""What follows from blocks, worked out one transaction at a time from the simulation's own memory.

Shares nothing with the derivations: no SQL, no codec of ours but the blocks themselves; eth_abi reads the events.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from eth_abi.abi import decode
from eth_utils.crypto import keccak

from evm.blocks import Block, Log

ZERO = bytes(20)
_TRANSFER = keccak(text="Transfer(address,address,uint256)")
_SINGLE = keccak(text="TransferSingle(address,address,address,uint256,uint256)")
_BATCH = keccak(text="TransferBatch(address,address,address,uint256[],uint256[])")

Row = dict[str, Any]


@dataclass
class Meaning:
    """Rows by table, keyed as the table is; columns by their names."""

    token_transfers: dict[tuple[Any, ...], Row] = field(default_factory=dict)
    token_balances: dict[tuple[Any, ...], Row] = field(default_factory=dict)
    tokens: dict[tuple[Any, ...], Row] = field(default_factory=dict)
    address_transactions: dict[tuple[Any, ...], Row] = field(default_factory=dict)
    address_token_transfers: dict[tuple[Any, ...], Row] = field(default_factory=dict)
    addresses: dict[tuple[Any, ...], Row] = field(default_factory=dict)
    network_hourly: dict[tuple[Any, ...], Row] = field(default_factory=dict)
    network_daily: dict[tuple[Any, ...], Row] = field(default_factory=dict)


def meaning_of(blocks: Sequence[Block]) -> Meaning:
    """Of a chain from its first derived block on."""
    made = Meaning()
    seen: dict[str, dict[datetime, set[bytes]]] = {"hour": defaultdict(set), "day": defaultdict(set)}
    known: set[bytes] = set()
    for place, block in enumerate(blocks):
        parties = _transactions(made, block) | _logs(made, block)
        time = datetime.fromtimestamp(block.header.timestamp, UTC)
        for table, bucket, unit in (
            (made.network_hourly, time.replace(minute=0, second=0), "hour"),
            (made.network_daily, time.replace(hour=0, minute=0, second=0), "day"),
        ):
            row = table.setdefault((bucket,), _empty_bucket(block))
            _add_to_bucket(row, block, made)
            row["active_addresses"] += len(parties - seen[unit][bucket])
            row["new_addresses"] += len(parties - known)
            seen[unit][bucket] |= parties
            if place and block.header.number > 1:
                gap = timedelta(seconds=block.header.timestamp - blocks[place - 1].header.timestamp).seconds
                row["intervals"] += 1
                row["interval_s_sum"] += gap
                row["interval_s_max"] = max(gap, row["interval_s_max"] or 0)
        known |= parties
    _count_holders(made)
    return made


def _transactions(made: Meaning, block: Block) -> set[bytes]:
    parties: set[bytes] = set()
    number = block.header.number
    for index, (transaction, receipt) in enumerate(zip(block.transactions, block.receipts, strict=True)):
        created = receipt.contract_address if receipt.status != 0 else None
        roles: dict[bytes, int] = defaultdict(int)
        roles[transaction.sender] |= 1 | (4 if created else 0)
        if transaction.to is not None:
            roles[transaction.to] |= 2
        if created is not None:
            roles[created] |= 8
        for address, role in roles.items():
            made.address_transactions[address, number, index] = {"roles": role}
            row = _address(made, address, number)
            row["transaction_count"] += 1
            row["sent_count"] += role & 1
            row["received_count"] += role >> 1 & 1
            row["created_count"] += role >> 2 & 1
            row["last_block"] = number
            if role & 1:
                row["nonce"] = transaction.nonce + 1
            if role & 8:
                row["creator"], row["creation_block"] = transaction.sender, number
                row["creation_transaction_index"] = index
                row["contract_block"] = row["contract_block"] or number
        parties |= set(roles)
    return parties


def _logs(made: Meaning, block: Block) -> set[bytes]:
    parties: set[bytes] = set()
    number = block.header.number
    for receipt in block.receipts:
        for log in receipt.logs:
            emitter = _address(made, log.address, number)
            emitter["log_count"] += 1
            emitter["contract_block"] = (
                number if emitter["contract_block"] is None else emitter["contract_block"]
            )
            for place, moved in enumerate(_moves(log)):
                made.token_transfers[number, log.log_index, place] = {
                    "transaction_index": log.transaction_index,
                    "token": log.address,
                    **moved,
                }
                parties |= _move(made, number, log, place, moved)
    return parties


def _move(made: Meaning, number: int, log: Log, place: int, moved: Row) -> set[bytes]:
    source, target, amount = moved["from_address"], moved["to_address"], moved["amount"]
    token = made.tokens.setdefault(
        (log.address, moved["standard"]),
        {"transfer_count": 0, "holder_count": 0, "minted": 0, "burned": 0, "first_block": number},
    )
    token["transfer_count"] += 1
    token["minted"] += amount if source == ZERO else 0
    token["burned"] += amount if target == ZERO else 0
    for address in {source, target} - {ZERO}:
        key = (log.address, moved["standard"], address, moved["token_id"] or 0)
        holding = made.token_balances.setdefault(
            key, {"balance": 0, "transfer_count": 0, "first_block": number}
        )
        holding["balance"] += amount * ((address == target) - (address == source))
        holding["transfer_count"] += 1
        made.address_token_transfers[address, number, log.log_index, place] = {
            "token": log.address,
            "roles": (address == source) + 2 * (address == target),
        }
        row = _address(made, address, number)
        row["token_transfer_count"] += 1
        row["last_block"] = number
    return {source, target} - {ZERO}


def _moves(log: Log) -> Iterator[Row]:
    topics, none = log.topics, {"operator": None}
    if topics[:1] == (_TRANSFER,) and len(topics) == 3:
        (amount,) = decode(["uint256"], log.data)
        yield {"standard": 20, **none, **_ends(topics[1:]), "token_id": None, "amount": amount}
    elif topics[:1] == (_TRANSFER,) and len(topics) == 4:
        token_id = int.from_bytes(topics[3], "big")
        yield {"standard": 721, **none, **_ends(topics[1:]), "token_id": token_id, "amount": 1}
    elif topics[:1] == (_SINGLE,):
        token_id, amount = decode(["uint256", "uint256"], log.data)
        yield {
            "standard": 1155,
            "operator": topics[1][12:],
            **_ends(topics[2:]),
            "token_id": token_id,
            "amount": amount,
        }
    elif topics[:1] == (_BATCH,):
        ids, amounts = decode(["uint256[]", "uint256[]"], log.data)
        for token_id, amount in zip(ids, amounts, strict=True):
            yield {
                "standard": 1155,
                "operator": topics[1][12:],
                **_ends(topics[2:]),
                "token_id": token_id,
                "amount": amount,
            }


def _ends(topics: Sequence[bytes]) -> Row:
    return {"from_address": topics[0][12:], "to_address": topics[1][12:]}


def _address(made: Meaning, address: bytes, number: int) -> Row:
    counts = ("transaction", "sent", "received", "created", "token_transfer", "log")
    unknown = (
        "last_block", "nonce", "contract_block", "creator", "creation_block", "creation_transaction_index",
    )  # fmt: skip
    fresh = {f"{name}_count": 0 for name in counts} | dict.fromkeys(unknown) | {"first_block": number}
    return made.addresses.setdefault((address,), fresh)


def _empty_bucket(block: Block) -> Row:
    sums = (
        "blocks", "transactions", "failed_transactions", "gas_used", "gas_limit", "fees", "contracts_created",
        "token_transfers", "active_addresses", "new_addresses", "intervals", "interval_s_sum",
    )  # fmt: skip
    return dict.fromkeys(sums, 0) | {"interval_s_max": None, "first_block": block.header.number}


def _add_to_bucket(row: Row, block: Block, made: Meaning) -> None:
    row["last_block"] = block.header.number
    row["blocks"] += 1
    row["transactions"] += len(block.transactions)
    row["gas_used"] += block.header.gas_used
    row["gas_limit"] += block.header.gas_limit
    row["token_transfers"] += sum(key[0] == block.header.number for key in made.token_transfers)
    for receipt in block.receipts:
        row["failed_transactions"] += receipt.status == 0
        row["fees"] += receipt.gas_used * (receipt.effective_gas_price or 0)
        row["contracts_created"] += receipt.contract_address is not None and receipt.status != 0


def _count_holders(made: Meaning) -> None:
    holders: dict[tuple[Any, ...], set[bytes]] = defaultdict(set)
    for (token, standard, holder, _), row in made.token_balances.items():
        if row["balance"] > 0:
            holders[token, standard].add(holder)
    for key, row in made.tokens.items():
        row["holder_count"] = len(holders[key])
