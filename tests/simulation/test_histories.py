"""Any history of blocks, reorgs, crashes and outages ends with the truth, and no commit ever breaks a promise.

PEND_TEST_SIMULATION_SEEDS=N looks at N histories instead of the few of every run; PEND_TEST_SIMULATION_FROM=S begins
at seed S. A seed that fails is named with its steps: put it into `BAD_SEEDS` once it is mended.
"""

import os

import asyncpg
import pytest

from tests.database import DatabaseServer
from tests.integration.indexer.histories import truth_of
from tests.invariants import assert_held, hold_at_every_commit
from tests.oracle import assert_holds_chain, digests
from tests.simulation.world import world

SEEDS = int(os.environ.get("PEND_TEST_SIMULATION_SEEDS", "8"))
FIRST = int(os.environ.get("PEND_TEST_SIMULATION_FROM", "0"))
STEPS = 14
BAD_SEEDS: tuple[int, ...] = ()


@pytest.mark.parametrize("seed", sorted({*range(FIRST, FIRST + SEEDS), *BAD_SEEDS}))
async def test_history_ends_with_the_truth(
    seed: int, embedded_database: str, embedded_home: DatabaseServer
) -> None:
    await live_through(seed, embedded_database, embedded_home)


@pytest.mark.parametrize("seed", [1001, 1002])
async def test_history_ends_with_the_truth_on_timescale(
    seed: int, timescale_database: str, embedded_home: DatabaseServer
) -> None:
    await live_through(seed, timescale_database, embedded_home)


async def live_through(seed: int, dsn: str, oracle: DatabaseServer) -> None:
    await hold_at_every_commit(dsn)
    async with world(seed, dsn) as made:
        try:
            await made.live(STEPS)
            await assert_held(dsn)
            await assert_holds_chain(dsn, made.devnet)
            assert await digests(dsn) == await truth_of(made.server, oracle)
            await assert_outbox_tells_the_chain(dsn, made.devnet.head.header.number)
        except BaseException as error:
            error.add_note(f"seed {seed}, {made.devnet.consensus}: {'; '.join(made.steps)}")
            error.add_note(
                f"the network is at {made.devnet.head.header.number}, stored: {await made.stored()}"
            )
            raise


async def assert_outbox_tells_the_chain(dsn: str, head: int) -> None:
    """Who follows the outbox knows of each block exactly once what became of it (invariant 10)."""
    connection = await asyncpg.connect(dsn)
    try:
        told = await connection.fetch("SELECT * FROM chain.outbox ORDER BY sequence")
    finally:
        await connection.close()
    assert [event["sequence"] for event in told] == list(range(1, len(told) + 1))
    known: set[int] = set()
    for event in told:
        numbers = set(range(event["from_block"], event["to_block"] + 1))
        if event["kind"] == "reorg":
            assert numbers <= known
            assert max(known) == event["to_block"]
            known -= numbers
        else:
            assert not numbers & known, f"announced twice: {sorted(numbers & known)}"
            known |= numbers
    assert known == set(range(head + 1))
