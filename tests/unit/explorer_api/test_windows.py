"""Growing windows find the next rows wherever they lie, and stop at the end."""

import asyncio
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from explorer_api.windows import GROWTH, widening


@given(
    held=st.sets(st.integers(0, 5_000), max_size=40),
    start=st.integers(0, 5_000),
    limit=st.integers(1, 10),
    blocks=st.integers(1, 200),
    backward=st.booleans(),
)
def test_window_holds_the_next_rows(
    held: set[int], start: int, limit: int, blocks: int, backward: bool
) -> None:
    asked: list[tuple[int, int]] = []

    async def read(low: int, high: int) -> dict[str, list[int]]:
        asked.append((low, high))
        found = sorted((each for each in held if low <= each <= high), reverse=not backward)
        return {"rows": found[:limit]}

    end = 5_000 if backward else 0
    row = asyncio.run(
        widening(
            read,
            start=start,
            end=end,
            blocks=blocks,
            backward=backward,
            enough=lambda row: len(row["rows"]) == limit,
        )
    )
    wanted = sorted(
        (each for each in held if (each >= start if backward else each <= start)), reverse=not backward
    )
    assert row["rows"] == wanted[:limit]
    widths = [high - low + 1 for low, high in asked]
    assert all(later <= earlier * GROWTH for earlier, later in pairwise(widths))
    assert all(low <= high for low, high in asked)
