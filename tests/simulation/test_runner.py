"""A history that fails is said, kept and told apart; what is drawn for a seed is always the same."""

import random
from collections import Counter
from pathlib import Path

from tests.database import DatabaseServer
from tests.simulation.climate import KINDS_SERVED, weather
from tests.simulation.histories import KEPT, Lived, kept_seeds
from tests.simulation.runner import Outcome, keep, run_one, summary


def test_history_without_a_database_fails_in_one_line_and_leaves_its_log(tmp_path: Path) -> None:
    nowhere = "postgresql://postgres@127.0.0.1:1/postgres"
    outcome = run_one(1, 1, nowhere, tmp_path)
    assert outcome.failure is not None
    assert "\n" not in outcome.failure
    assert "Traceback" in (tmp_path / "seed-1-1.log").read_text()


def test_history_that_holds_leaves_no_log(tmp_path: Path, embedded_home: DatabaseServer) -> None:
    outcome = run_one(3, 2, embedded_home.dsn, tmp_path)
    assert outcome.failure is None
    assert outcome.lived.tally["steps"] == 2
    assert list(tmp_path.iterdir()) == []


def test_failed_history_is_kept_once_with_the_steps_it_took(tmp_path: Path) -> None:
    kept = tmp_path / "seeds.txt"
    kept.write_text(KEPT.read_text().splitlines()[0] + "\n")
    failed = Outcome(17, 3000, Lived(tally=Counter(steps=205)), "AssertionError: a gap # of two")
    keep(failed, kept)
    keep(failed, kept)
    assert kept_seeds(kept) == [(17, 205)]


def test_summary_names_failing_seeds_and_adds_up() -> None:
    lived = Lived(Counter({"steps": 3, "advance": 2}), Counter({"http_429": 5}))
    lines = list(summary([Outcome(4, 3, lived), Outcome(5, 3, lived, "AssertionError: no")], 7.2))
    assert lines[0] == "2 histories, 6 steps, 7 s"
    assert "            4  advance" in lines
    assert "  faults served: 10" in lines
    assert lines[-1] == "failing seeds: 5"


def test_weather_of_a_seed_is_always_the_same_and_every_kind_comes() -> None:
    assert weather(random.Random(5)) == weather(random.Random(5))
    rng = random.Random(0)
    seen = {spell.name for _ in range(100) for spell in weather(rng)}
    assert seen == set(KINDS_SERVED)
