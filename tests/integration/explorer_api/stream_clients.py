"""A chain that grows and is reorganised, the stream of it as an operator starts it, and clients of that."""

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import psycopg

from devnet.server import DevnetServer
from postgres import children
from tests.integration.indexer.daemons import follows
from tests.processes import Running

_WITHIN_S = 60.0
_POLL_S = 0.02

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Chain:
    """A network whose blocks come when they are called for, and the daemon that stores them in `dsn`."""

    server: DevnetServer
    running: Running
    dsn: str
    redis_url: str | None

    async def grow(self, blocks: int = 1) -> None:
        """More blocks, stored and announced."""
        self.server.devnet.advance(blocks)
        await follows(self.running, self.dsn, self.server)

    async def reorganise(self, depth: int) -> Any:
        change = self.server.devnet.reorg(depth)
        await follows(self.running, self.dsn, self.server)
        return change

    def sql(self, query: str, *arguments: object) -> list[Json]:
        with psycopg.connect(self.dsn, autocommit=True, row_factory=psycopg.rows.dict_row) as connection:
            cursor = connection.execute(query, arguments or None)
            return [] if cursor.description is None else cursor.fetchall()

    def newest(self) -> int:
        sequence: int = self.sql("SELECT outbox_sequence AS sequence FROM chain.chain_state")[0]["sequence"]
        return sequence

    def hashes(self) -> dict[int, str]:
        """The stored chain."""
        return {
            row["number"]: "0x" + row["hash"].hex()
            for row in self.sql("SELECT number, hash FROM chain.blocks")
        }


@dataclass(slots=True)
class StreamProcess:
    url: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def metric(self, name: str) -> float:
        """The sum of a metric's samples."""
        import urllib.request  # noqa: PLC0415

        with urllib.request.urlopen(f"{self.url}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        return sum(
            float(line.rpartition(" ")[2])
            for line in text.splitlines()
            if line.startswith((f"{name}{{", f"{name} "))
        )

    def memory_bytes(self) -> int:
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())
        assert found is not None
        return int(found[1]) * 1024


@contextmanager
def stream_process(
    dsn: str, folder: Path, *arguments: str, redis_url: str | None = None, **settings: object
) -> Iterator[StreamProcess]:
    """`pend-explorer stream` until it answers; `stream__heartbeat_s=1` sets stream.heartbeat_s, and so on."""
    log = folder / f"stream-{time.monotonic_ns()}.log"
    given = {
        "database__dsn": dsn,
        "database__role": "pend_explorer",
        "redis__url": redis_url or "",
        "limits__enabled": False,
        "http__port": 0,
        "stream__port": 0,
        **settings,
    }
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(("PEND_", "PG"))}
    environment = kept | {f"PEND_{name.upper()}": str(value) for name, value in given.items()}
    process = children.spawn(
        (sys.executable, "-m", "explorer_api", *(arguments or ("stream",))), log=log, environment=environment
    )
    try:
        deadline = time.monotonic() + _WITHIN_S
        while not (found := re.search(r"(?:stream|explorer) on (http://\S+)", log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(_POLL_S)
        yield StreamProcess(found[1], process, log)
    finally:
        children.stop(process, signal.SIGTERM, timeout_s=15)


@dataclass(slots=True)
class Client:
    """A WebSocket client that keeps what it was told, and knows how far each channel is."""

    socket: aiohttp.ClientWebSocketResponse
    told: list[Json] = field(default_factory=list)
    positions: dict[str, int] = field(default_factory=dict)

    async def send(self, **request: object) -> None:
        await self.socket.send_str(json.dumps(request))

    async def next(self, *kinds: str) -> Json:
        """The next message, of one of these kinds if any are named; others are kept."""
        while True:
            async with asyncio.timeout(_WITHIN_S):
                got = await self.socket.receive()
            assert got.type is aiohttp.WSMsgType.TEXT, f"{got} after {self.told[-3:]}"
            message: Json = json.loads(got.data)
            self._hear(message)
            if not kinds or message["type"] in kinds:
                return message

    async def until(self, sequence: int) -> None:
        """Hear everything up to a sequence: a pong says that nothing before it is left."""
        while True:
            await self.send(ping="now")
            if (await self.next("pong"))["sequence"] >= sequence:
                return
            await asyncio.sleep(_POLL_S)

    async def subscribe(self, *channels: str) -> Json:
        await self.send(subscribe=channels)
        return await self.next("subscribed")

    async def closed(self) -> tuple[int | None, list[Json]]:
        """The code the server closes with, and what it said before."""
        last: list[Json] = []
        async with asyncio.timeout(_WITHIN_S):
            async for got in self.socket:
                last.append(json.loads(got.data))
                self._hear(last[-1])
        return self.socket.close_code, last

    def on(self, channel: str) -> list[Json]:
        return [message for message in self.told if message.get("channel") == channel]

    def chain(self) -> dict[int, str]:
        """The chain as `blocks` told it, retractions applied."""
        known: dict[int, str] = {}
        for message in self.told:
            if message["type"] == "reorg":
                gone = set(message["data"]["removed_blocks"])
                known = {number: hash_ for number, hash_ in known.items() if hash_ not in gone}
                assert all(number <= message["data"]["ancestor_number"] for number in known)
            elif message["type"] == "blocks":
                for block in message["data"]["blocks"]:
                    assert block["number"] not in known, f"{block['number']} was told twice"
                    known[block["number"]] = block["hash"]
        return known

    def _hear(self, message: Json) -> None:
        self.told.append(message)
        channel, sequence = message.get("channel"), message["sequence"]
        if message["type"] == "error":
            return
        if channel is not None:
            assert sequence > self.positions.get(channel, -1), f"told twice, or late: {message}"
            self.positions[channel] = sequence
        else:
            if message["type"] == "subscribed":
                self.positions |= dict.fromkeys(message["channels"], sequence)
            for name, before in self.positions.items():
                assert sequence >= before, f"{name} was at {before}: {message}"
                self.positions[name] = sequence


@asynccontextmanager
async def client_of(stream: StreamProcess, **options: Any) -> AsyncIterator[Client]:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{stream.url}/api/v1/stream", max_msg_size=0, **options) as socket,
    ):
        yield Client(socket)


@dataclass(frozen=True, slots=True)
class Event:
    id: str
    data: Json


async def events(answer: aiohttp.ClientResponse) -> AsyncIterator[Event]:
    """Server-sent events with data, by the rules of the HTML standard; ids of events without count too."""
    id_, data = "", b""
    while True:
        async with asyncio.timeout(_WITHIN_S):
            line = await answer.content.readline()
        if not line:
            return
        line = line.rstrip(b"\r\n")
        if not line:
            if data:
                yield Event(id_, json.loads(data))
            data = b""
        elif line.startswith(b"id: "):
            id_ = line[4:].decode()
        elif line.startswith(b"data: "):
            data += line[6:]
        else:
            assert line.startswith((b":", b"retry: ")), line


@contextlib.contextmanager
def killed(stream: StreamProcess) -> Iterator[None]:
    """Kill it as a power cut does."""
    stream.process.kill()
    stream.process.wait()
    yield
