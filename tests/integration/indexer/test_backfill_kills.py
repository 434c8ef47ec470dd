"""A backfill that is interrupted, loses its workers or is left alone: the next one completes the truth.

Random instants of kill -9 are in test_kills.py.
"""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest

from devnet.faults import NoFaults
from devnet.server import DevnetServer
from tests.database import DatabaseServer
from tests.devnet_faults import Answerless, AtExchange
from tests.integration.indexer.histories import HEAD, history, truth
from tests.oracle import digests, value
from tests.processes import (
    Running,
    children_of,
    environment,
    eventually,
    is_alive,
    pend_index,
    run_pend_index,
)

SMALL_STEPS: dict[str, Any] = {
    "backfill__segment_blocks": 20,
    "backfill__commit_rows": 1,
    "node__batch_blocks_max": 5,
}
WHOLE = ("backfill", "--from-block", "0", "--to-block", str(HEAD))


@pytest.fixture
async def server() -> AsyncIterator[DevnetServer]:
    async with DevnetServer(history()) as started:
        yield started


async def at_exchange(server: DevnetServer, count: int, running: Running) -> None:
    """Wait until the node was asked `count` times, or the process has ended."""
    reached = asyncio.Event()
    server.faults = AtExchange(count, reached.set)
    ended = asyncio.create_task(running.process.wait())
    waited = asyncio.create_task(reached.wait())
    await asyncio.wait({ended, waited}, return_when=asyncio.FIRST_COMPLETED)
    waited.cancel()
    server.faults = NoFaults()


async def gone(workers: list[int]) -> None:
    await eventually(lambda: not any(is_alive(pid) for pid in workers), "workers end with their parent")


async def test_backfill_whose_workers_are_killed_replaces_them_and_completes(
    embedded_database: str, embedded_home: DatabaseServer, server: DevnetServer
) -> None:
    rng = random.Random(5)
    env = environment(embedded_database, server.http_url, **SMALL_STEPS)
    killed = 0
    async with pend_index(*WHOLE, "--workers", "2", env=env) as running:
        for _ in range(4):
            await at_exchange(server, rng.randint(5, 25), running)
            if workers := children_of(running.pid):
                os.kill(rng.choice(workers), signal.SIGKILL)
                killed += 1
        finished = await running.finished()
    assert finished.code == 0, finished.output
    assert killed
    assert "backfill worker died" in finished.stderr
    assert "Traceback" not in finished.output
    assert await digests(embedded_database) == await truth(embedded_home)


@pytest.mark.parametrize("exchanges", [1, 3, 12])
async def test_backfill_interrupted_by_ctrl_c_ends_with_130_and_is_resumable(
    exchanges: int, embedded_database: str, embedded_home: DatabaseServer, server: DevnetServer
) -> None:
    env = environment(embedded_database, server.http_url, **SMALL_STEPS)
    async with pend_index(*WHOLE, "--workers", "2", env=env) as running:
        await at_exchange(server, exchanges, running)
        workers = children_of(running.pid)
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does: to the parent and to each worker
        finished = await running.finished()
    assert finished.code == 130, finished.output
    assert "Traceback" not in finished.output, finished.output
    assert "committed" in finished.stderr
    assert not any(map(is_alive, workers))
    assert await value(embedded_database, "SELECT count(*) FROM chain.blocks") != HEAD + 1
    finished = await run_pend_index(*WHOLE, env=env)
    assert finished.code == 0, finished.output
    assert await digests(embedded_database) == await truth(embedded_home)


async def test_backfill_interrupted_while_workers_start_leaves_no_traceback(
    embedded_database: str, server: DevnetServer
) -> None:
    env = environment(embedded_database, server.http_url, **SMALL_STEPS)
    async with pend_index(*WHOLE, "--workers", "2", env=env) as running:
        await running.until(lambda: len(children_of(running.pid)) == 2, "two workers are started")
        os.killpg(running.pid, signal.SIGINT)
        finished = await running.finished()
    assert finished.code == 130, finished.output
    assert "Traceback" not in finished.output, finished.output


async def test_workers_whose_parent_is_killed_end_although_the_node_is_away(
    embedded_database: str, server: DevnetServer
) -> None:
    env = environment(embedded_database, server.http_url, **SMALL_STEPS | {"node__retry_deadline_s": 600})
    async with pend_index(*WHOLE, "--workers", "2", env=env) as running:
        await running.until(lambda: len(children_of(running.pid)) == 2, "two workers are started")
        await at_exchange(server, 12, running)
        server.faults = away = Answerless()
        await running.until(lambda: away.asked > 10, "the workers ask again and again")
        workers = children_of(running.pid)
        assert workers
        running.send(signal.SIGKILL)
        await gone(workers)


async def test_backfill_interrupted_while_the_node_is_away_ends_with_130(
    embedded_database: str, server: DevnetServer
) -> None:
    env = environment(embedded_database, server.http_url, **SMALL_STEPS | {"node__retry_deadline_s": 600})
    async with pend_index(*WHOLE, "--workers", "2", env=env) as running:
        await at_exchange(server, 12, running)
        server.faults = Answerless()
        workers = children_of(running.pid)
        os.killpg(running.pid, signal.SIGINT)
        finished = await running.finished()
    assert finished.code == 130, finished.output
    assert not any(map(is_alive, workers))
