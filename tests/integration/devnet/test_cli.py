"""The command as an operator runs it: a process of its own."""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process

import aiohttp
import pytest


async def started(*options: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "devnet", *options, stdout=PIPE, stderr=PIPE, env={"PATH": os.defpath}
    )


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
async def test_devnet_command_serves_until_a_signal_and_exits_cleanly(signum: signal.Signals) -> None:
    process = await started("--port", "0", "--history", "5", "--block-time", "0.05", "--consensus", "clique")
    assert process.stdout is not None
    lines = [(await process.stdout.readline()).decode().split() for _ in range(4)]
    urls = {line[0]: line[1] for line in lines[2:]}
    async with aiohttp.ClientSession() as session, session.ws_connect(urls["ws"]) as subscriber:
        await subscriber.send_json(
            {"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"]}
        )
        await subscriber.receive_json(timeout=10)
        head = (await subscriber.receive_json(timeout=10))["params"]["result"]
        assert int(head["number"], 16) > 5
        body = {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId"}
        async with session.post(urls["http"], json=body) as response:
            assert (await response.json())["result"] == hex(1337)
        process.send_signal(signum)
        output, errors = await asyncio.wait_for(process.communicate(), 10)
    assert process.returncode == 0
    assert b"stopped at block" in output
    assert errors == b""


async def test_devnet_command_says_that_its_port_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = await started("--port", str(taken.getsockname()[1]), "--history", "0")
        _, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1
    assert b"already in use" in errors
    assert b"choose another --port" in errors
    assert b"Traceback" not in errors


async def test_devnet_command_refuses_an_option_out_of_range() -> None:
    process = await started("--validators", "0")
    _, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 2
    assert b"0 is not in the range 1<=x<=21" in errors
