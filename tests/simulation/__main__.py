"""`python -m tests.simulation`: seeded histories, as many as wanted (`make simulate`)."""

import argparse
import os
import sys

from tests.simulation.runner import run_many


def main() -> int:
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many histories")
    parser.add_argument("--from", type=int, default=10_000, dest="first", help="the first seed")
    parser.add_argument("--steps", type=int, default=14, help="what happens in each")
    parser.add_argument("--processes", type=int, default=2, help="histories at a time")
    given = parser.parse_args()
    for name in [name for name in os.environ if name.startswith("PEND_") and "PEND_TEST_" not in name]:
        del os.environ[name]
    seeds = range(given.first, given.first + given.seeds)
    return min(1, run_many(seeds, given.steps, given.processes, sys.stdout))


if __name__ == "__main__":
    sys.exit(main())
