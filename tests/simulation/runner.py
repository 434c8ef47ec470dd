"""Many histories in a few processes: each failure said at once and kept, and a summary of what was lived through."""

import asyncio
import multiprocessing
import os
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from tests.database import DatabaseServer, fresh_database
from tests.database_homes import EMBEDDED
from tests.shared_server import CACHE, SharedServer
from tests.simulation.histories import KEPT, Lived, kept_seeds, live_through
from tests.simulation.places import own_place, shared_place
from tests.simulation.world import has_process, has_server

LOGS = CACHE / "simulation"


@dataclass(slots=True)
class Outcome:
    """Of one history. `failure` is one line, None where every table held the truth."""

    seed: int
    steps: int
    lived: Lived = field(default_factory=Lived)
    failure: str | None = None


def run_one(seed: int, steps: int, server_dsn: str, logs: Path = LOGS) -> Outcome:
    """In a process of the pool: all that is written meanwhile goes to the history's log, kept if it fails."""
    outcome = Outcome(seed, steps)
    log = logs / f"seed-{seed}-{steps}.log"
    with _output_in(log) as file:
        try:
            asyncio.run(_live(outcome, DatabaseServer(EMBEDDED, server_dsn)))
        except Exception as error:  # noqa: BLE001  whatever it is, the history has failed
            traceback.print_exc(file=file)
            outcome.failure = f"{type(error).__name__}: {str(error).strip() or 'no message'}".splitlines()[0]
    if outcome.failure is None:
        log.unlink()
    return outcome


async def _live(outcome: Outcome, server: DatabaseServer) -> None:
    if has_server(outcome.seed):
        with tempfile.TemporaryDirectory(prefix="pend-simulation-") as folder:
            Path(folder).chmod(0o755)  # the server may run under another account
            async with own_place(Path(folder)) as own:
                await live_through(outcome.seed, outcome.steps, own, server, outcome.lived)
        return
    with contextmanager(fresh_database)(server) as dsn:
        async with shared_place(dsn) as place:
            await live_through(outcome.seed, outcome.steps, place, server, outcome.lived)


def run_many(seeds: Sequence[int], steps: int, processes: int, out: TextIO) -> int:
    """Live through each; the number that failed."""
    LOGS.mkdir(parents=True, exist_ok=True)
    began, done = time.monotonic(), list[Outcome]()
    member = SharedServer(EMBEDDED)
    server_dsn = member.join()
    DatabaseServer(EMBEDDED, server_dsn).template()
    try:
        with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
            running = [pool.submit(run_one, seed, steps, server_dsn) for seed in seeds]
            try:
                for future in as_completed(running):
                    done.append(outcome := future.result())
                    _tell(outcome, len(done), len(seeds), out)
            finally:  # after Ctrl-C only those that have begun are ended
                pool.shutdown(wait=False, cancel_futures=True)
    finally:
        member.leave()
        member.wait_until_gone()
        out.writelines(f"{line}\n" for line in summary(done, time.monotonic() - began))
    return sum(outcome.failure is not None for outcome in done)


def _tell(outcome: Outcome, done: int, of: int, out: TextIO) -> None:
    if outcome.failure is not None:
        log = LOGS / f"seed-{outcome.seed}-{outcome.steps}.log"
        out.write(
            f"seed {outcome.seed} FAILED: {outcome.failure}\n"
            f"    again: make simulate SEEDS=1 FROM={outcome.seed} STEPS={outcome.steps}   log: {log}\n"
        )
        keep(outcome)
    elif done % 20 == 0:
        out.write(f"{done} of {of} histories\n")
    out.flush()


def keep(outcome: Outcome, kept: Path = KEPT) -> None:
    """In the tree, with as many steps as it took to fail: the same seed takes the same ones again."""
    taken = max(1, outcome.lived.tally["steps"])
    if (outcome.seed, taken) not in kept_seeds(kept):
        with kept.open("a") as file:
            file.write(f"{outcome.seed} {taken}  # {outcome.failure}\n")


def summary(done: Sequence[Outcome], seconds: float) -> Iterator[str]:
    tally: Counter[str] = Counter()
    struck: Counter[str] = Counter()
    for outcome in done:
        tally += outcome.lived.tally
        struck += outcome.lived.struck
    steps = tally.pop("steps", 0)
    failed = sorted(outcome.seed for outcome in done if outcome.failure is not None)
    processes = sum(has_process(outcome.seed) for outcome in done)
    servers = sum(has_server(outcome.seed) for outcome in done)
    yield f"{len(done):,} histories, {steps:,} steps, {seconds:,.0f} s"
    yield f"  {processes} with the daemon as a process, {servers} with a database server of their own"
    yield from _table("what happened", tally)
    yield from _table("faults served", struck)
    yield f"failing seeds: {', '.join(map(str, failed))}" if failed else "no seed failed"


def _table(title: str, counted: Counter[str]) -> Iterator[str]:
    yield f"  {title}: {counted.total():,}" if title == "faults served" else f"  {title}:"
    for name, count in sorted(counted.items(), key=lambda item: (-item[1], item[0])):
        yield f"    {count:>9,}  {name}"


@contextmanager
def _output_in(log: Path) -> Iterator[TextIO]:
    """Of this process and of those it starts."""
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    with log.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    try:
        with os.fdopen(os.dup(1), "w") as file:
            yield file
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, kept in enumerate(saved, start=1):
            os.dup2(kept, number)
            os.close(kept)
