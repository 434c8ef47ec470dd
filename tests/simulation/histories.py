"""One seeded history from its beginning to the proof that every table holds the truth."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from tests.database import DatabaseServer
from tests.integration.indexer.histories import truth_of
from tests.invariants import assert_held, hold_at_every_commit
from tests.oracle import assert_holds_chain, digests, value
from tests.simulation.places import Place
from tests.simulation.steps import live
from tests.simulation.world import World, world

KEPT = Path(__file__).with_name("seeds.txt")


@dataclass(slots=True)
class Lived:
    """What a history was made of."""

    tally: Counter[str] = field(default_factory=Counter)
    struck: Counter[str] = field(default_factory=Counter)


def kept_seeds(kept: Path = KEPT) -> list[tuple[int, int]]:
    """Seed and steps of each history that once failed."""
    lines = (line.partition("#")[0].split() for line in kept.read_text().splitlines())
    return [(int(line[0]), int(line[1])) for line in lines if line]


async def live_through(seed: int, steps: int, place: Place, oracle: DatabaseServer, lived: Lived) -> None:
    """Raises what is wrong with a note of the steps; `lived` is filled either way."""
    await hold_at_every_commit(place.direct)
    async with world(seed, place) as made:
        try:
            await live(made, steps)
            await _assert_truth(made, oracle)
        except BaseException as error:
            error.add_note(f"seed {seed}, {made.devnet.consensus}: {'; '.join(made.steps)}")
            error.add_note(
                f"the network is at {made.devnet.head.header.number}, stored: {await made.stored()}"
            )
            raise
        finally:
            lived.tally += made.tally
            lived.struck += made.struck


async def _assert_truth(made: World, oracle: DatabaseServer) -> None:
    dsn = made.place.direct
    await assert_held(dsn)
    await assert_holds_chain(dsn, made.devnet)
    assert await digests(dsn, derived=True) == await truth_of(made.server, oracle, derived=True)
    await assert_outbox_tells_the_chain(dsn, made.devnet.head.header.number)
    for table, what in (("outbox", "transactions committed"), ("reorgs", "branches replaced")):
        made.tally[what] += int(str(await value(dsn, f"SELECT count(*) FROM chain.{table}")))
    made.tally["blocks at the end"] += made.devnet.head.header.number + 1


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
        elif event["kind"] == "blocks":
            assert not numbers & known, f"announced twice: {sorted(numbers & known)}"
            known |= numbers
    assert known == set(range(head + 1))
