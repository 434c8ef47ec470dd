import io

from indexer.progress import Progress


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_plain_output_writes_a_line_per_interval_and_a_summary() -> None:
    out, clock = io.StringIO(), Clock()
    with Progress(1_000, out, line_every_s=10, clock=clock) as progress:
        for _ in range(4):
            clock.now += 5
            progress.add(blocks=100, transactions=2_000, logs=2_800, bytes=5 * 1024 * 1024)
    assert out.getvalue().splitlines() == [
        "backfill 200/1,000 blocks (20.0 %), 20 blocks/s, 400 transactions/s, 10.0 MiB, 40 s left",
        "backfill 400/1,000 blocks (40.0 %), 20 blocks/s, 400 transactions/s, 20.0 MiB, 30 s left",
        "stored 400 of 1,000 blocks, 8,000 transactions, 11,200 logs, 20.0 MiB in 20 s (20 blocks/s)",
    ]


def test_rate_after_change_of_speed_is_of_the_last_half_minute() -> None:
    clock = Clock()
    progress = Progress(100_000, io.StringIO(), clock=clock)
    for blocks in [1_000] * 10 + [10] * 40:
        clock.now += 1
        progress.add(blocks=blocks, transactions=blocks, logs=0, bytes=0)
    assert progress.blocks_per_s == 10
    assert progress.eta_s == (100_000 - 10_400) / 10


def test_eta_before_anything_moved_is_unknown() -> None:
    progress = Progress(10, io.StringIO(), clock=Clock())
    assert progress.eta_s is None
    assert "unknown left" in progress.line()


def test_nothing_to_do_is_complete() -> None:
    progress = Progress(0, io.StringIO(), clock=Clock())
    assert "0/0 blocks (100.0 %)" in progress.line()


def test_summary_after_failure_is_still_written() -> None:
    out = io.StringIO()
    try:
        with Progress(10, out, clock=Clock()) as progress:
            progress.add(blocks=3, transactions=1, logs=0, bytes=10)
            raise KeyboardInterrupt  # noqa: TRY301
    except KeyboardInterrupt:
        pass
    assert out.getvalue().startswith("stored 3 of 10 blocks, 1 transactions, 0 logs, 10 B")


def test_terminal_shows_a_bar_and_no_plain_lines() -> None:
    out, clock = Terminal(), Clock()
    with Progress(100, out, line_every_s=1, clock=clock) as progress:
        clock.now += 5
        progress.add(blocks=50, transactions=100, logs=0, bytes=1024)
    text = out.getvalue()
    assert "50/100" in text
    assert "10 blocks/s" in text
    assert not any(line.startswith("backfill 50/100 blocks (") for line in text.splitlines())
    assert "stored 50 of 100 blocks" in text
