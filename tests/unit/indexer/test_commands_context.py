"""Ctrl-C ends a command whatever it is waiting for."""

import asyncio
import os
import signal

import pytest

from indexer.commands.context import run


async def loses_it() -> str:
    """As asyncio.wait_for before Python 3.12, when the answer comes at the same moment."""
    os.kill(os.getpid(), signal.SIGINT)
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        return "an answer"
    return "no signal"


async def answers() -> str:
    async with asyncio.timeout(60):
        return "an answer"


def test_run_of_work_that_loses_the_interrupt_is_interrupted_all_the_same() -> None:
    with pytest.raises(KeyboardInterrupt):
        run(loses_it())


def test_run_of_work_that_is_left_alone_gives_its_result() -> None:
    assert run(answers()) == "an answer"
