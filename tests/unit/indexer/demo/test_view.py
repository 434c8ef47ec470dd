"""The numbers as a line and as a panel, known and unknown."""

from __future__ import annotations

from rich.console import Console

from indexer.demo.summary import Check, as_text
from indexer.demo.view import Scene, as_line, as_panel, clock
from indexer.demo.watch import Observation

SCENE = Scene("following", "0:42", (("psql", "postgresql://[::1]/pend"),))
SEEN = Observation(
    head=1_234,
    indexed=1_230,
    lag_blocks=4,
    lag_s=8.0,
    blocks=1_231,
    transactions=24_620,
    logs=30_000,
    derived=1_229,
    token_transfers=9_876,
    holders=64,
    addresses=1_070,
    reorgs=2,
    orphaned=3,
    blocks_per_s=1.04,
    by_websocket=True,
)


def test_line_names_every_number() -> None:
    assert as_line(SCENE, SEEN) == (
        "0:42 following: head 1,234, indexed 1,230, lag 4 blocks (8 s), 1.0 blocks/s; "
        "rows: 1,231 blocks, 24,620 transactions, 30,000 logs; "
        "derived 1,229: 9,876 token transfers, 64 holders, 1,070 addresses; reorgs 2"
    )


def test_line_without_a_daemon_shows_dashes() -> None:
    assert "head -, indexed -, lag -" in as_line(Scene("backfilling", "0:03"), Observation())


def test_panel_shows_the_source_of_heads_and_text_with_brackets_unchanged() -> None:
    console = Console(width=100, record=True, file=None, force_terminal=False)
    with console.capture() as captured:
        console.print(as_panel(SCENE, SEEN))
    assert "1,234  (pushed by WebSocket)" in captured.get()
    assert "2 branches replaced, 3 orphaned headers kept" in captured.get()
    assert "postgresql://[::1]/pend" in captured.get()


def test_summary_marks_each_claim_and_keeps_its_whole_detail() -> None:
    text = as_text([Check("verify", True, "fine"), Check("daemon stops", False, "exit code 9\nboom")], SEEN)
    assert "  ok      verify        fine\n" in text
    assert "  FAILED  daemon stops  exit code 9\n                        boom\n" in text


def test_clock_counts_minutes_past_an_hour() -> None:
    assert [clock(value) for value in (0.9, 61, 3_700)] == ["0:00", "1:01", "61:40"]
