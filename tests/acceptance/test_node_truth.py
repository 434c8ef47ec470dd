"""The comparison itself: it must not be able to pass by looking away."""

from __future__ import annotations

from tests.acceptance.node_truth import Row, differences


def _tables(*logs: Row) -> dict[str, list[Row]]:
    empty: dict[str, list[Row]] = {
        name: [] for name in ("blocks", "transactions", "block_locations", "transaction_locations")
    }
    return {**empty, "logs": list(logs)}


def _log(index: int, **fields: object) -> Row:
    return {"block_number": 7, "log_index": index, "data": b"\x01", **fields}


def test_differences_of_equal_tables_are_none() -> None:
    assert differences(_tables(_log(0), _log(1)), _tables(_log(0), _log(1))) == []


def test_differences_with_one_other_value_name_table_key_and_column() -> None:
    (line,) = differences(_tables(_log(0), _log(1, data=b"\x02")), _tables(_log(0), _log(1)))
    assert line.startswith("logs [7, 1] data: stored b'\\x02', node says b'\\x01'")


def test_differences_with_a_row_missing_or_surplus_name_it() -> None:
    assert "missing [[7, 1]]" in differences(_tables(_log(0)), _tables(_log(0), _log(1)))[0]
    assert "surplus [[7, 1]]" in differences(_tables(_log(0), _log(1)), _tables(_log(0)))[0]


def test_differences_with_a_column_that_nobody_expects_name_it() -> None:
    (line,) = differences(_tables(_log(0, colour=1)), _tables(_log(0)))
    assert "colour" in line
    (line,) = differences(_tables(_log(0)), _tables(_log(0, colour=None)))
    assert "no such column" in line
