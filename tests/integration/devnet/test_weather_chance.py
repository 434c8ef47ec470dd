"""Weather by seed: the same faults whatever the order in which requests come, and by command."""

import asyncio
import os
import random
import signal
import sys
from asyncio.subprocess import PIPE
from typing import Any

import aiohttp
import pytest

from devnet.chain import Devnet
from devnet.server import DevnetServer
from devnet.weather.answers import EmptyReceipts, MissingLogs, NullBlock
from devnet.weather.spells import Spell
from devnet.weather.transport import ConnectionDropped, HttpStatus, TruncatedJson
from tests.integration.devnet.conftest import Ask

SPELLS = (
    Spell(HttpStatus(503), 0.2),
    Spell(ConnectionDropped(), 0.1),
    Spell(TruncatedJson(), 0.1),
    Spell(NullBlock(), 0.3),
    Spell(EmptyReceipts(), 0.3, attempts=1),
    Spell(MissingLogs(), 0.3),
)
ATTEMPTS = 3
Fate = dict[tuple[str, int], list[bytes]]


def body(method: str, number: int) -> Any:
    second = [True] if method == "eth_getBlockByNumber" else []
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": [hex(number), *second]}


async def outcome(http: aiohttp.ClientSession, server: DevnetServer, request: Any) -> bytes:
    try:
        async with http.post(server.http_url, json=request) as response:
            return b"%d " % response.status + await response.read()
    except aiohttp.ServerDisconnectedError:
        return b"dropped"


async def fates(devnet: Devnet, *, seed: int, order: int, concurrency: int) -> Fate:
    """What each request meets at each of its attempts, asked in a shuffled order at the same time."""
    requests = [
        (method, number)
        for method in ("eth_getBlockByNumber", "eth_getBlockReceipts")
        for number in range(1, 31)
    ]
    random.Random(order).shuffle(requests)
    met: Fate = {request: [] for request in requests}
    slots = asyncio.Semaphore(concurrency)
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, force_close=True)) as http,
        DevnetServer(devnet) as server,
    ):
        server.set_weather(SPELLS, seed=seed)

        async def attempt(request: tuple[str, int]) -> None:
            for _ in range(ATTEMPTS):
                async with slots:
                    met[request].append(await outcome(http, server, body(*request)))

        await asyncio.gather(*map(attempt, requests))
    return met


async def test_faults_of_a_seed_do_not_depend_on_the_order_of_arrival() -> None:
    devnet = Devnet(5, history_blocks=30, transactions_per_block=4)
    serially = await fates(devnet, seed=7, order=0, concurrency=1)
    for order in (1, 2, 3):
        assert await fates(devnet, seed=7, order=order, concurrency=16) == serially
    assert await fates(devnet, seed=8, order=0, concurrency=16) != serially
    met = [answer for answers in serially.values() for answer in answers]
    assert b"dropped" in met
    assert any(answer.startswith(b"503 ") for answer in met)
    assert any(len(set(answers)) > 1 for answers in serially.values())  # attempts meet different fates


async def test_batch_meets_the_fate_of_its_first_call(
    http: aiohttp.ClientSession, server: DevnetServer
) -> None:
    weather = server.set_weather([Spell(HttpStatus(500), 0.5, attempts=1)])
    single = [await outcome(http, server, body("eth_getBlockReceipts", n)) for n in range(1, 21)]
    struck = weather.struck["http_500"]
    assert 0 < struck < 20
    again = server.set_weather(weather.spells)
    batches = [
        await outcome(http, server, [body("eth_getBlockReceipts", m) for m in (n, 21, 22)])
        for n in range(1, 21)
    ]
    assert [fate[:4] for fate in batches] == [fate[:4] for fate in single]
    assert again.struck == {"http_500": struck}


async def test_retry_succeeds_where_attempts_are_bounded_however_a_batch_is_cut(
    http: aiohttp.ClientSession, server: DevnetServer
) -> None:
    server.set_weather([Spell(HttpStatus(504), attempts=1)])
    calls = [body("eth_getBlockReceipts", number) for number in range(10)]
    assert (await outcome(http, server, calls)).startswith(b"504")
    assert (await outcome(http, server, calls[:5])).startswith(b"200")
    assert (await outcome(http, server, calls[5:])).startswith(b"200")


async def test_permanent_fault_of_one_block_leaves_the_others(ask: Ask, server: DevnetServer) -> None:
    server.set_weather([Spell(NullBlock(), blocks=(9, 10))])
    for _ in range(3):
        shown = [(await ask("eth_getBlockByNumber", hex(number), False))["result"] for number in range(8, 12)]
        assert [block is None for block in shown] == [False, True, True, False]
    block = server.devnet.block(9)
    assert block is not None
    assert (await ask("eth_getBlockByHash", "0x" + block.hash.hex(), False))["result"] is None


async def test_command_sets_reports_and_clears_weather_in_any_weather(
    ask: Ask, http: aiohttp.ClientSession, server: DevnetServer
) -> None:
    spells = [
        {"kind": "http_429", "retry_after_s": 1, "methods": ["eth_chainId"]},
        {"kind": "head_back", "behind": 7, "attempts": 2},
        {"kind": "connection_dropped", "requests": [8, 9]},
    ]
    names = ["http_429", "head_back", "connection_dropped"]
    assert (await ask("devnet_setWeather", spells, 3))["result"] == names
    assert [(await ask("eth_blockNumber"))["result"] for _ in range(3)] == [hex(23), hex(23), hex(30)]
    chain_id = {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId"}
    assert (await outcome(http, server, chain_id)).startswith(b"429")
    assert (await ask("devnet_weather"))["result"] == {"head_back": 2, "http_429": 1}
    assert (await ask("devnet_advance"))["result"] == hex(31)
    assert (await ask("eth_blockNumber"))["result"] == hex(31)
    assert await outcome(http, server, body("eth_getBlockReceipts", 1)) == b"dropped"
    struck = {"head_back": 2, "http_429": 1, "connection_dropped": 1}
    assert (await ask("devnet_clearWeather"))["result"] == struck
    assert (await ask("eth_chainId"))["result"] == hex(1337)
    assert (await ask("devnet_weather"))["result"] == {}
    assert len((await ask("devnet_setWeather", "null_block:0.5,passing:0.01"))["result"]) > 20


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ([], "takes spells"),
        (["null_block", "seed"], "takes spells"),
        ([5], "a list of objects"),
        ([["null_block"]], "a list of objects"),
        (["hail"], "no such kind; there are batch_refused, "),
        (["null_block:often"], "probability is 0 to 1, not 'often'"),
        (["null_block:1.5"], "probability is 0 to 1, not 1.5"),
        ([[{"kind": "null_block", "depth": 3}]], "'depth' is neither a condition nor an option"),
        ([[{"kind": "lagging", "behind": "3"}]], "behind: Expected `int`"),
        ([[{"kind": "lagging", "behind": 0}]], "behind is at least 1, not 0"),
        ([[{"kind": "http_429", "status": 200}]], "'status' is neither"),
        ([[{"kind": "lagging", "attempts": 0}]], "attempts is at least 1, not 0"),
        ([[{"kind": "lagging", "blocks": [5]}]], "blocks: Expected `array` of length 2"),
        ([[{"kind": "lagging", "blocks": [5, 4]}]], "blocks end before they begin: 5.0 > 4.0"),
        ([[{"probability": 1}]], "no such kind"),
    ],
)
async def test_command_with_impossible_weather_is_refused_and_changes_nothing(
    ask: Ask, server: DevnetServer, params: list[Any], said: str
) -> None:
    before = server.faults
    error = (await ask("devnet_setWeather", *params))["error"]
    assert error["code"] == -32602
    assert said in error["message"]
    assert server.faults is before


async def devnet_command(*options: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "devnet", *options, stdout=PIPE, stderr=PIPE, env={"PATH": os.defpath}
    )


async def test_devnet_command_serves_weather_and_says_at_the_end_what_struck() -> None:
    process = await devnet_command(
        "--port", "0", "--history", "3", "--block-time", "60", "--weather", "head_back:1,http_500:0",
        "--weather-seed", "4",
    )  # fmt: skip
    assert process.stdout is not None
    lines = [(await process.stdout.readline()).decode().split() for _ in range(4)]
    urls = {line[0]: line[1] for line in lines[2:]}
    async with aiohttp.ClientSession() as http:
        request = {"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber"}
        async with http.post(urls["http"], json=request) as response:
            assert (await response.json())["result"] == hex(0)
    process.send_signal(signal.SIGTERM)
    output, errors = await asyncio.wait_for(process.communicate(), 10)
    assert (process.returncode, errors) == (0, b"")
    assert b"weather: head_back 1" in output


async def test_devnet_command_refuses_weather_that_is_not_known() -> None:
    process = await devnet_command("--weather", "null_block:0.1,hail")
    _, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 2
    assert b"weather 'hail': no such kind" in errors
