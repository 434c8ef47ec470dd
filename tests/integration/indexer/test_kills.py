"""kill -9 at random instants of a backfill and of a follow: the next start goes on and the end is the truth.

PEND_TEST_KILLS=100 kills so often instead of the few times of every run; PEND_TEST_KILLS_SEED=S begins elsewhere.
"""

import os
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from devnet.chain import Devnet
from devnet.server import DevnetServer
from evm.consensus import Consensus
from tests.database import DatabaseServer, fresh_database
from tests.integration.indexer.daemons import daemon, fills, follows
from tests.integration.indexer.histories import HEAD, history, truth, truth_of
from tests.integration.indexer.killed import Counting, Kills, Life, Victim
from tests.invariants import assert_held, hold_at_every_commit
from tests.oracle import assert_holds_chain, digests
from tests.outbox_reader import outbox_reader
from tests.processes import environment, pend_index, run_pend_index

KILLS = int(os.environ.get("PEND_TEST_KILLS", "6"))
SEED = int(os.environ.get("PEND_TEST_KILLS_SEED", "1"))

SMALL_STEPS: dict[str, Any] = {
    "backfill__segment_blocks": 20,
    "backfill__commit_rows": 1,
    "node__batch_blocks_max": 5,
}
WHOLE = ("backfill", "--from-block", "0", "--to-block", str(HEAD))
KILLS_A_LIFE = 7
"""At most so many before one is let run to its end."""


pytestmark = pytest.mark.timeout(300 + 60 * KILLS)


async def test_backfill_killed_at_random_instants_goes_on_and_ends_with_the_truth(
    embedded_home: DatabaseServer,
) -> None:
    kills = Kills((KILLS + 1) // 2, random.Random(SEED))
    async with DevnetServer(history()) as server:
        expected = await truth(embedded_home)
        with told(kills):
            while kills.left > 0:
                with contextmanager(fresh_database)(embedded_home) as dsn:
                    await hold_at_every_commit(dsn)
                    await backfill_killed(kills, dsn, server)
                    assert await digests(dsn) == expected


async def backfill_killed(kills: Kills, dsn: str, server: DevnetServer) -> None:
    """One database, from nothing to its end."""
    env = environment(dsn, server.http_url, **SMALL_STEPS)
    for _ in range(min(kills.left, kills.rng.randint(1, KILLS_A_LIFE))):
        server.faults = node = Counting()
        async with pend_index(*WHOLE, "--workers", "2", env=env) as running:
            struck = await kills.strike(running, node, dsn, asked_max=100)
            if struck is Victim.WORKER:  # another takes its place
                finished = await running.finished()
                assert finished.code == 0, finished.output
                assert "Traceback" not in finished.output
                break
    finished = await run_pend_index(*WHOLE, "--workers", "1", env=env)
    assert finished.code == 0, finished.output
    await assert_held(dsn)


async def test_daemon_killed_at_random_instants_goes_on_and_ends_with_the_truth(
    embedded_home: DatabaseServer,
) -> None:
    kills = Kills(KILLS // 2, random.Random(SEED))
    with told(kills):
        while kills.left > 0:
            devnet = Devnet(
                kills.rng.randrange(1000), Consensus.CLIQUE, history_blocks=30, transactions_per_block=2
            )
            async with DevnetServer(devnet) as server:
                with contextmanager(fresh_database)(embedded_home) as dsn:
                    await hold_at_every_commit(dsn)
                    await follow_killed(kills, dsn, server)
                    await assert_holds_chain(dsn, devnet)
                    assert await digests(dsn) == await truth_of(server, embedded_home)
                    async with outbox_reader(dsn) as reader:
                        await reader.look()


async def follow_killed(kills: Kills, dsn: str, server: DevnetServer) -> None:
    """One database beside one chain that lives on, also while nobody follows it; then both come to rest."""
    settings = {**SMALL_STEPS, "follow__max_reorg_depth": 12, "backfill__workers": 1}
    life = Life(server.devnet, kills.rng)
    for _ in range(min(kills.left, kills.rng.randint(1, KILLS_A_LIFE))):
        server.faults = node = Counting(life)
        async with daemon(dsn, server, **settings) as running:
            # One whose worker was killed lives on, and is killed again.
            while kills.left > 0:
                if await kills.strike(running, node, dsn, asked_max=150) is not Victim.WORKER:
                    break
        for _ in range(kills.rng.randrange(4 * life.every)):
            life()
    server.faults = Counting()
    async with daemon(dsn, server, **settings) as running:
        # All may be stored already; a new block that is stored shows that this one is at work.
        server.devnet.advance()
        await follows(running, dsn, server)
        await fills(running, dsn)
        running.send(signal.SIGTERM)
        finished = await running.finished()
    assert finished.code == 0, finished.output
    assert "Traceback" not in finished.output, finished.output
    await assert_held(dsn)


@contextmanager
def told(kills: Kills) -> Iterator[None]:
    """A failure names the seed and what was killed when."""
    try:
        yield
    except BaseException as error:
        error.add_note(
            f"PEND_TEST_KILLS_SEED={SEED} PEND_TEST_KILLS={KILLS}; killed: {'; '.join(kills.done)}"
        )
        raise
