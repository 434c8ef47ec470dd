"""When the watch ends a stage, by a clock that only the test moves."""

import asyncio
from collections.abc import Iterator

import pytest

from indexer.metrics import IndexerMetrics
from indexer.node_watch import NodeWatch
from indexer.stages import Stage

LIMIT_S = 3.0


class OwnTime(asyncio.SelectorEventLoop):
    now = 1000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def loop() -> Iterator[OwnTime]:
    made = OwnTime()
    yield made
    made.close()


def stalls(loop: OwnTime, stage: Stage, after_s: float) -> bool:
    """Whether the watch ends `stage` when so many seconds more have passed."""

    async def look() -> bool:
        return stage.is_stalled()

    loop.now += after_s
    return loop.run_until_complete(look())


def begun(loop: OwnTime) -> Stage:
    stage = Stage("follow", LIMIT_S)

    async def begin() -> None:
        stage.begins(again=False)

    loop.run_until_complete(begin())
    return stage


def progressed(loop: OwnTime, stage: Stage, rests_s: float = 0.0) -> None:
    async def say() -> None:
        stage.progressed(rests_s=rests_s)

    loop.run_until_complete(say())


def test_stage_without_progress_stalls_after_its_limit(loop: OwnTime) -> None:
    stage = begun(loop)
    assert not stalls(loop, stage, LIMIT_S)
    assert stalls(loop, stage, 0.1)


def test_stage_that_said_how_long_it_waits_has_its_limit_after_that(loop: OwnTime) -> None:
    stage = begun(loop)
    progressed(loop, stage, rests_s=15)
    assert not stalls(loop, stage, 15 + LIMIT_S)
    assert stalls(loop, stage, 0.1)


def test_stage_whose_wait_is_followed_by_a_word_of_another_still_waits(loop: OwnTime) -> None:
    stage = begun(loop)
    progressed(loop, stage, rests_s=15)
    loop.now += 1
    progressed(loop, stage)
    assert not stalls(loop, stage, 14 + LIMIT_S)


def test_stage_without_work_never_stalls(loop: OwnTime) -> None:
    stage = begun(loop)
    stage.busy = False
    assert not stalls(loop, stage, 100 * LIMIT_S)


def test_node_watch_tells_how_long_an_outage_is_waited_out() -> None:
    told: list[float] = []
    watch = NodeWatch(IndexerMetrics(), on_outage=told.append)
    watch.on_request("a", "eth_blockNumber", 0.1, "unreachable")
    watch.on_retry("eth_blockNumber", "unreachable", 12.5)
    assert told == [0.0, 12.5]


def test_node_watch_takes_a_lost_subscription_or_another_endpoint_for_no_outage() -> None:
    told: list[float] = []
    watch = NodeWatch(IndexerMetrics(), on_outage=told.append)
    watch.on_request("a", "eth_blockNumber", 0.1, None)
    watch.on_request("b", "eth_blockNumber", 0.1, "unreachable")
    watch.on_retry("eth_blockNumber", "unreachable", 0.0)
    watch.on_retry("eth_subscribe", "subscription", 30.0)
    assert told == []
