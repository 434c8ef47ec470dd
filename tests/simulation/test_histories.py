"""Any history of blocks, reorgs, crashes and outages ends with the truth, and no commit ever breaks a promise.

A few histories, and each that once failed; `make simulate` lives through more (CONTRIBUTING.md).
"""

from pathlib import Path

import pytest

from tests.database import DatabaseServer
from tests.simulation.histories import Lived, kept_seeds, live_through
from tests.simulation.places import own_place, shared_place
from tests.simulation.world import has_server

STEPS = 14
SEEDS = sorted({*((seed, STEPS) for seed in range(5)), *kept_seeds()})


@pytest.mark.parametrize(("seed", "steps"), SEEDS)
async def test_history_ends_with_the_truth(
    seed: int, steps: int, embedded_database: str, embedded_home: DatabaseServer, tmp_path: Path
) -> None:
    place = own_place(tmp_path) if has_server(seed) else shared_place(embedded_database)
    async with place as database:
        await live_through(seed, steps, database, embedded_home, Lived())


@pytest.mark.parametrize("seed", [1001])
async def test_history_ends_with_the_truth_on_timescale(
    seed: int, timescale_database: str, embedded_home: DatabaseServer
) -> None:
    async with shared_place(timescale_database) as database:
        await live_through(seed, STEPS, database, embedded_home, Lived())
