"""A node whose head grows: the recording behind HTTP and WebSocket, block after block announced on command.

A process of its own. `announce_blocks` (how many, seconds between two) starts; `announced` tells when each
block was announced, taken just before the first byte is sent, by the clock that the database also reads.
"""

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import uvloop
from aiohttp import WSMsgType, web

from benchmarks.chain import load
from benchmarks.replay import Recording, Replay, serving

_SUBSCRIPTION = "0x1"
_JITTER = 0.2  # so that announcements do not march in step with anything that happens every so often
_BODY_ONLY = ("transactions", "uncles", "size", "totalDifficulty", "withdrawals")


@dataclass(slots=True)
class _Announcing:
    recording: Recording
    subscribers: list[web.WebSocketResponse] = field(default_factory=list)
    announced: list[tuple[int, float]] = field(default_factory=list)
    task: asyncio.Task[None] | None = None

    async def http(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._websocket(request)
        body = await request.read()
        if body[:1] == b"{" and (own := self._own(msgspec.json.decode(body))) is not None:
            return web.Response(body=msgspec.json.encode(own), content_type="application/json")
        return web.Response(body=b"".join(self.recording.answer(body)), content_type="application/json")

    def _own(self, call: dict[str, Any]) -> dict[str, Any] | None:
        match call["method"], call.get("params"):
            case "announce_blocks", [count, interval_s]:
                self.announced.clear()
                self.task = asyncio.create_task(self._announce(count, interval_s))
                result: Any = True
            case "announced", _:
                result = self.announced
            case "subscribers", _:
                result = len(self.subscribers)
            case "eth_subscribe", _:
                result = _SUBSCRIPTION
            case "eth_unsubscribe", _:
                result = True
            case _:
                return None
        return {"jsonrpc": "2.0", "id": call["id"], "result": result}

    async def _websocket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        try:
            async for message in socket:
                if message.type is not WSMsgType.TEXT:
                    continue
                call = msgspec.json.decode(message.data)
                own = self._own(call)
                answer = (
                    msgspec.json.encode(own)
                    if own is not None
                    else b"".join(self.recording.answer(message.data.encode()))
                )
                await socket.send_str(answer.decode())
                if call["method"] == "eth_subscribe":
                    self.subscribers.append(socket)
        finally:
            if socket in self.subscribers:
                self.subscribers.remove(socket)
        return socket

    async def _announce(self, count: int, interval_s: float) -> None:
        rng = random.Random(count)
        for _ in range(count):
            await asyncio.sleep(interval_s * rng.uniform(1 - _JITTER, 1 + _JITTER))
            number = self.recording.head + 1
            text = _notification(self.recording.chain.blocks[number])
            self.recording.head = number
            self.announced.append((number, time.time()))
            for socket in self.subscribers:
                await socket.send_str(text)


def _notification(block: bytes) -> str:
    header = {name: value for name, value in msgspec.json.decode(block).items() if name not in _BODY_ONLY}
    params = {"subscription": _SUBSCRIPTION, "result": header}
    return msgspec.json.encode({"jsonrpc": "2.0", "method": "eth_subscription", "params": params}).decode()


async def _serve(announcing: _Announcing) -> None:
    """Serve until stdin ends, which is when the parent does; the first line of output is the port."""
    application = web.Application(client_max_size=2**26)
    application.router.add_route("*", "/", announcing.http)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()


@dataclass(frozen=True, slots=True)
class AnnouncingNode(Replay):
    """A running one."""

    @property
    def ws_url(self) -> str:
        return self.url.replace("http:", "ws:")

    def has_subscriber(self) -> bool:
        return bool(self.call("subscribers"))

    def announce(self, count: int, interval_s: float) -> None:
        self.call("announce_blocks", count, interval_s)

    def announced(self) -> dict[int, float]:
        return dict(self.call("announced"))


@contextmanager
def running_announcing(path: Path, head: int) -> Iterator[AnnouncingNode]:
    """A node that has the recording's blocks up to `head`, and announces those above when told to."""
    with serving("announcing", str(path), str(head)) as (url, pid):
        yield AnnouncingNode(url, pid)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("head", type=int)
    options = parser.parse_args()
    uvloop.run(_serve(_Announcing(Recording(load(options.path), head=options.head))))


if __name__ == "__main__":
    main()
