"""A process that was forked is to its tests what one is that the interpreter started."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

import pytest

from tests.fork_server import fork
from tests.processes import eventually, is_alive


@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("config", "--help"), ("no-such-command",), ("--config", "nowhere.toml", "status")],
    ids=" ".join,
)
async def test_forked_process_says_and_ends_as_a_started_one(arguments: tuple[str, ...]) -> None:
    environment = {"PATH": os.defpath, "PEND_LOG__LEVEL": "no such level"}
    forked = await fork(arguments, environment)
    started = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "indexer", *arguments),
        env=environment,
        cwd="/",
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
    )
    said = (await forked.stdout.read(), await forked.stderr.read())
    assert said == await started.communicate()
    assert any(said)
    assert await forked.wait() == started.returncode


async def test_forked_process_has_a_session_of_its_own_and_its_end_is_told() -> None:
    devnet = ("devnet", "--port", "0", "--ws-port", "0", "--history", "3")
    first, second = [await fork(devnet, {"PATH": os.defpath}) for _ in range(2)]
    for forked in (first, second):
        assert await forked.stdout.readuntil(b"ws    ws://")
        assert os.getsid(forked.pid) == forked.pid
        assert Path(f"/proc/{forked.pid}/cwd").readlink() == Path("/")
        assert forked.returncode is None
    first.send_signal(signal.SIGKILL)
    assert await first.wait() == -signal.SIGKILL
    await eventually(lambda: not is_alive(first.pid), "it is gone")
    assert is_alive(second.pid)
    second.send_signal(signal.SIGTERM)
    assert await second.wait() == 0
    for forked in (first, second):
        await forked.stdout.read()
        await forked.stderr.read()
