"""Backfill workers, the follower and a reader of the outbox at once: whatever order their commits go in, the truth.

PEND_TEST_ORDERS=N tries N orders of each meeting and N seeds of the whole instead of the few of every run;
PEND_TEST_ORDERS=0 tries every order that there is.
"""

import asyncio
import os
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import pytest
import structlog

from indexer.follow import Follower
from tests.database import DatabaseServer
from tests.integration.indexer.concurrent_writers import (
    FOLLOWER,
    MAX_REORG_DEPTH,
    Writers,
    writers,
)
from tests.integration.indexer.gates import Choose, Event, Gates, gates, orders, run_through
from tests.integration.indexer.histories import truth_of
from tests.invariants import assert_held, hold_at_every_commit
from tests.oracle import assert_holds_chain, digests, value
from tests.outbox_reader import OutboxReader, outbox_reader
from tests.processes import WITHIN_S

ORDERS = int(os.environ.get("PEND_TEST_ORDERS", "3"))
ONE, TWO, AT_THE_HEAD = "backfill one", "backfill two", "backfill at the head"

log = structlog.get_logger(__name__)

_truths: dict[bytes, dict[str, str]] = {}


@dataclass(frozen=True, slots=True)
class Meeting:
    """What is stored before, who comes, and what happens to the network at any moment meanwhile."""

    history: int
    stored: tuple[tuple[int, int], ...]
    segments: Mapping[str, tuple[int, int]]
    follows: bool = False
    reorg: tuple[int, int | None] | None = None
    segments_after: Mapping[str, tuple[int, int]] = field(default_factory=dict)


MEETINGS = {
    "two workers, neighbouring segments": Meeting(12, ((0, 4),), {ONE: (5, 8), TWO: (9, 12)}),
    "two backfills, overlapping ranges": Meeting(12, ((0, 4),), {ONE: (5, 10), TWO: (8, 12)}),
    "a worker closes the gap below a follower that extends": Meeting(
        14, ((0, 4), (9, 12)), {ONE: (5, 8)}, follows=True
    ),
    "a worker and the follower store the same blocks": Meeting(16, ((0, 12),), {ONE: (13, 16)}, follows=True),
    "a reorg below a worker right above the follower": Meeting(
        16, ((0, 12),), {ONE: (13, 16)}, reorg=(6, None)
    ),
    "a reorg below a worker above a hole": Meeting(16, ((0, 12),), {ONE: (15, 16)}, reorg=(6, None)),
    "a reorg to a shorter branch below a worker above a hole": Meeting(
        16, ((0, 12),), {ONE: (15, 16)}, reorg=(6, 3)
    ),
    "a reorg before a worker stores its branch above a hole": Meeting(
        16, ((0, 12),), {}, reorg=(6, None), segments_after={ONE: (15, 16)}
    ),
}


@pytest.mark.parametrize("meeting", MEETINGS.values(), ids=MEETINGS.keys())
async def test_writers_that_meet_in_every_order_of_their_commits_end_with_the_truth(
    meeting: Meeting, database: str, embedded_home: DatabaseServer
) -> None:
    await hold_at_every_commit(database)
    runs = 0
    async with gates(database, ONE, TWO, FOLLOWER) as closed:
        for order in orders(ORDERS, random.Random(0)):
            with told(order.taken):
                await meet(meeting, closed, order.choose, embedded_home)
            runs += 1
    log.info("orders tried", runs=runs)
    assert runs > 1 or ORDERS == 1, "nothing was held back"


async def meet(meeting: Meeting, closed: Gates, choose: Choose, oracle: DatabaseServer) -> None:
    async with writers(closed.dsn, closed.connection, history=meeting.history) as made:
        for first, last in meeting.stored:
            await made.fill("before", first, last)
        async with made.follower() as follower, outbox_reader(closed.dsn) as reader:
            await closed.close()
            tasks = [made.backfill(name, *segment) for name, segment in meeting.segments.items()]
            events: dict[str, Event] = {}
            if meeting.follows:
                tasks.append(made.follow(follower))
            if meeting.reorg is not None:
                events["the branch changes"] = partial(changes, made, follower, meeting)
            await run_through(closed, tasks, events, choose, reader.look)
            await ends_with_the_truth(made, follower, reader, oracle)


def changes(made: Writers, follower: Follower, meeting: Meeting) -> "Iterator[asyncio.Task[None]]":
    assert meeting.reorg is not None
    made.server.devnet.reorg(*meeting.reorg)
    yield made.follow(follower)
    for name, segment in meeting.segments_after.items():
        yield made.backfill(name, *segment)


@pytest.mark.parametrize("seed", range(1, 1 + (ORDERS + 1) // 2 if ORDERS else 40))
async def test_two_workers_the_follower_and_a_reader_in_any_order_end_with_the_truth(
    seed: int, database: str, embedded_home: DatabaseServer
) -> None:
    await hold_at_every_commit(database)
    rng, taken = random.Random(seed), []
    names = (ONE, TWO, AT_THE_HEAD, FOLLOWER)

    def choose(choices: Sequence[str]) -> str:
        taken.append(rng.choice(choices))
        return taken[-1]

    async with (
        gates(database, *names) as closed,
        writers(database, closed.connection, history=24, seed=seed) as made,
    ):
        devnet = made.server.devnet
        for first, last in ((0, 3), (17, 20)):
            await made.fill("before", first, last)
        async with made.follower() as follower, outbox_reader(database) as reader:

            def advance() -> "Iterator[asyncio.Task[None]]":
                devnet.advance(rng.randint(1, 2))
                yield made.follow(follower)

            def reorg() -> "Iterator[asyncio.Task[None]]":
                devnet.reorg(rng.randint(1, 3))
                yield made.follow(follower)

            def at_the_head() -> "Iterator[asyncio.Task[None]]":
                yield made.backfill(AT_THE_HEAD, rng.randint(21, 23), 24)

            events = {"a reorg": reorg, "blocks": advance, "more blocks": advance, "another reorg": reorg}
            await closed.close()
            tasks = [
                made.backfill(ONE, 4, 10, commit_rows=1),
                made.backfill(TWO, 11, 16, commit_rows=1),
                made.follow(follower),
            ]
            with told(taken):
                await run_through(closed, tasks, {**events, "a head": at_the_head}, choose, reader.look)
                await ends_with_the_truth(made, follower, reader, embedded_home)


async def ends_with_the_truth(
    made: Writers, follower: Follower, reader: OutboxReader, oracle: DatabaseServer
) -> None:
    """The network goes on, undisturbed from now on; what was missing is filled."""
    made.server.devnet.advance(MAX_REORG_DEPTH)
    async with asyncio.timeout(WITHIN_S):
        await made.arrive(follower)
        await reader.look()
        await made.fill("after", 0, made.server.devnet.head.header.number)
    await reader.look()
    await assert_held(made.dsn)
    assert await value(made.dsn, "SELECT count(*) FROM chain.coverage") == 1
    await assert_holds_chain(made.dsn, made.server.devnet)
    head = made.server.devnet.head.hash
    if head not in _truths:
        _truths[head] = await truth_of(made.server, oracle)
    assert await digests(made.dsn) == _truths[head]


@contextmanager
def told(taken: Sequence[str]) -> Iterator[None]:
    """A failure names the order of what happened."""
    try:
        yield
    except BaseException as error:
        error.add_note("in this order: " + "; ".join(taken))
        raise
