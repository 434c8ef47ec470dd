"""What a person reads, and how work is cut."""

from typing import Any

from indexer.verify.findings import Difference, VerifyReport, shown
from indexer.verify.walk import PIECE_ROWS_MAX, pieces


def report(**changes: Any) -> VerifyReport:
    fields = {"first": 3, "last": 9, "blocks": 7, "transactions": 1200, "logs": 5}
    return VerifyReport(**{**fields, "differences": 0, "unverifiable": 0, **changes})


def test_difference_text_says_block_part_kind_and_both_values_on_one_line() -> None:
    assert str(Difference(5, "sender", "0xaa", "0xbb", "transaction 2")) == (
        "block 5, transaction 2: sender: expected 0xaa, stored 0xbb"
    )


def test_shown_long_bytes_are_cut_and_missing_ones_named() -> None:
    assert shown(bytes(256)) == f"0x{'00' * 16}…{'00' * 16} (256 bytes)"
    assert shown(b"\x01" * 32) == "0x" + "01" * 32
    assert shown(None) == "nothing"


def test_summary_without_differences_says_so() -> None:
    assert report().summary() == (
        "blocks 3 to 9: 7 blocks, 1,200 transactions and 5 logs verified: no difference"
    )


def test_summary_names_differences_node_and_the_first_unverifiable_blocks() -> None:
    text = report(differences=2, compared_with_node=7, unverifiable=3, unverifiable_numbers=(4, 5)).summary()
    assert "7 compared with the node: 2 difference(s)\nunverifiable:" in text
    assert text.endswith("of 3 block(s) with a transaction of an unknown type: 4, 5, …")


def row(transactions: int, logs: int) -> dict[str, int]:
    return {"transaction_count": transactions, "log_count": logs}


def test_pieces_of_light_blocks_are_one() -> None:
    assert list(pieces({number: row(20, 28) for number in range(10, 210)}, 10, 209)) == [(10, 209)]


def test_pieces_are_cut_before_the_block_that_would_be_too_much() -> None:
    half = row(PIECE_ROWS_MAX // 2, 0)
    rows = {1: half, 2: half, 3: half, 5: row(0, 5 * PIECE_ROWS_MAX), 6: row(-5, -5)}
    assert list(pieces(rows, 1, 6)) == [(1, 2), (3, 4), (5, 5), (6, 6)]
