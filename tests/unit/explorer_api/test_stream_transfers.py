"""Transfers from logs by the layouts of their standards; the rest is none."""

from dataclasses import replace

import pytest

from explorer_api.stream.transfers import BATCH, SINGLE, TransferLog, transfers_of

TRANSFER = "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
FROM, TO, OPERATOR = "11" * 20, "22" * 20, "33" * 20


def word(value: int | str) -> str:
    return f"{value:064x}" if isinstance(value, int) else value.rjust(64, "0")


ERC20 = TransferLog(5, 3, 1, "0xaa", "70" * 20, TRANSFER, word(FROM), word(TO), None, word(12))
ERC721 = replace(ERC20, topic3=word(2**255), data="")
ERC1155 = replace(
    ERC20,
    topic0=SINGLE,
    topic1=word(OPERATOR),
    topic2=word(FROM),
    topic3=word(TO),
    data=word(7) + word(8),
)


def batch(ids: list[int], amounts: list[int]) -> TransferLog:
    words = [64, 96 + 32 * len(ids), len(ids), *ids, len(amounts), *amounts]
    return replace(ERC1155, topic0=BATCH, data="".join(map(word, words)))


@pytest.mark.parametrize(
    ("log", "standard", "operator", "token_id", "amount"),
    [
        (ERC20, "ERC-20", None, None, "12"),
        (ERC721, "ERC-721", None, str(2**255), "1"),
        (ERC1155, "ERC-1155", "0x" + OPERATOR, "7", "8"),
    ],
)
def test_each_standard_is_told_by_its_layout(
    log: TransferLog, standard: str, operator: str | None, token_id: str | None, amount: str
) -> None:
    [transfer] = transfers_of(log)
    assert (transfer["from_address"], transfer["to_address"]) == ("0x" + FROM, "0x" + TO)
    assert (transfer["standard"], transfer["operator"]) == (standard, operator)
    assert (transfer["token_id"], transfer["amount"]) == (token_id, amount)
    assert (transfer["block_number"], transfer["log_index"], transfer["token"]) == (5, 3, "0x" + "70" * 20)


def test_batch_is_one_transfer_for_each_item() -> None:
    told = [
        (one["batch_index"], one["token_id"], one["amount"]) for one in transfers_of(batch([1, 2], [5, 6]))
    ]
    assert told == [(0, "1", "5"), (1, "2", "6")]
    assert list(transfers_of(batch([], []))) == []


@pytest.mark.parametrize(
    "log",
    [
        replace(ERC20, data=""),
        replace(ERC20, data=word(1) * 2),
        replace(ERC20, topic2=None),
        replace(ERC20, topic1="ff" * 32),
        replace(ERC721, data=word(1)),
        replace(ERC1155, data=word(1)),
        replace(ERC1155, topic3=None),
        batch([1, 2], [5]),
        replace(batch([1], [2]), data=batch([1], [2]).data[:-2]),
        replace(batch([1], [2]), data=word(32) + batch([1], [2]).data[64:]),
    ],
)
def test_log_of_another_layout_is_no_transfer(log: TransferLog) -> None:
    assert list(transfers_of(log)) == []
