"""What a server does once, when everything that it serves with is there."""

import gc


def settle() -> None:
    """What is there now stays: a full collection over it would stop everything for 40 ms (PERF_API.md 3)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)
