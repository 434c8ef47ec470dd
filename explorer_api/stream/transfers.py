"""Token transfers as their logs say them: facts of a block, known as soon as it is.

By the same rules as the derived table (sql/derive/token_transfers.sql): a log that is not laid out as its
standard has it is no transfer.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

SINGLE = "c3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62"
BATCH = "4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb"
_ADDRESS_PADDING = "0" * 24
_WORD = 64  # digits


@dataclass(frozen=True, slots=True)
class TransferLog:
    """A log in hexadecimal digits without 0x."""

    block_number: int
    log_index: int
    transaction_index: int
    transaction_hash: str
    token: str
    topic0: str
    topic1: str | None
    topic2: str | None
    topic3: str | None
    data: str


def transfers_of(log: TransferLog) -> Iterator[dict[str, Any]]:
    """What moved, one for each token of a batch; nothing where the log is no transfer."""
    first, second, third = _address(log.topic1), _address(log.topic2), _address(log.topic3)
    if first is None or second is None:
        return
    if log.topic0 == SINGLE:
        if third is not None and len(log.data) == 2 * _WORD:
            yield _transfer(log, 0, "ERC-1155", first, second, third, _word(log.data, 0), _word(log.data, 1))
    elif log.topic0 == BATCH:
        if third is not None:
            for place, (token_id, amount) in enumerate(_pairs(log.data)):
                yield _transfer(log, place, "ERC-1155", first, second, third, token_id, amount)
    elif log.topic3 is None and len(log.data) == _WORD:
        yield _transfer(log, 0, "ERC-20", None, first, second, None, _word(log.data, 0))
    elif log.topic3 is not None and not log.data:
        yield _transfer(log, 0, "ERC-721", None, first, second, int(log.topic3, 16), 1)


def _pairs(data: str) -> list[tuple[int, int]]:
    """Two arrays of one length, the second right behind the first."""
    if len(data) < 4 * _WORD or len(data) % (2 * _WORD):
        return []
    length = (len(data) // _WORD - 4) // 2
    if (_word(data, 0), _word(data, 1)) != (64, 96 + 32 * length):
        return []
    if _word(data, 2) != length or _word(data, 3 + length) != length:
        return []
    return [(_word(data, 3 + place), _word(data, 4 + length + place)) for place in range(length)]


def _transfer(
    log: TransferLog,
    batch_index: int,
    standard: str,
    operator: str | None,
    from_address: str,
    to_address: str,
    token_id: int | None,
    amount: int,
) -> dict[str, Any]:
    return {
        "block_number": log.block_number,
        "log_index": log.log_index,
        "batch_index": batch_index,
        "transaction_index": log.transaction_index,
        "transaction_hash": log.transaction_hash,
        "token": f"0x{log.token}",
        "standard": standard,
        "operator": operator,
        "from_address": from_address,
        "to_address": to_address,
        "token_id": None if token_id is None else str(token_id),
        "amount": str(amount),
    }


def _address(topic: str | None) -> str | None:
    if topic is None or not topic.startswith(_ADDRESS_PADDING):
        return None
    return f"0x{topic[24:]}"


def _word(data: str, place: int) -> int:
    return int(data[_WORD * place : _WORD * (place + 1)], 16)
