"""A node made of a recording: serves raw JSON as recorded, fast enough not to matter.

A process of its own. HTTP/1.1 keep-alive, batches and single calls, answers not compressed. Besides the
methods of a node: `replay_stats`, `replay_reset` and `replay_latency` (milliseconds before each answer).
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, cast

import msgspec
import uvloop

from benchmarks.chain import CHAIN_ID, Chain, recording
from benchmarks.log_filter import LogFilter
from benchmarks.made_chains import RECORDED, made

REPOSITORY = Path(__file__).parent.parent
_HEAD_END = b"\r\n\r\n"
_NULL = b"null"


class _Call(msgspec.Struct, gc=False):
    method: str
    id: msgspec.Raw = msgspec.Raw(b"null")
    params: list[Any] = []


class _Hash(msgspec.Struct, gc=False):
    hash: str


class _Receipt(msgspec.Struct, rename="camel", gc=False):
    transaction_hash: str


_CALLS = msgspec.json.Decoder(list[_Call])
_CALL = msgspec.json.Decoder(_Call)


@dataclass(slots=True)
class Recording:
    """The chain by what callers ask for."""

    chain: Chain
    latency_s: float = 0.0
    requests: int = 0
    first_block_at: float = 0.0
    head: int = -1  # the newest block that it admits to have; the last one where it is not said
    numbers: dict[str, int] = field(init=False)
    _methods: dict[str, Callable[[list[Any]], bytes]] = field(init=False)

    def __post_init__(self) -> None:
        self.head = len(self.chain.blocks) - 1 if self.head < 0 else self.head
        hash_of = msgspec.json.Decoder(_Hash)
        hashes = self.chain.hashes or (hash_of.decode(block).hash for block in self.chain.blocks)
        self.numbers = {text: number for number, text in enumerate(hashes)}
        self._methods = {
            "eth_chainId": lambda _: _text(hex(CHAIN_ID)),
            "net_version": lambda _: _text(str(CHAIN_ID)),
            "web3_clientVersion": lambda _: _text("replay"),
            "eth_syncing": lambda _: b"false",
            "eth_blockNumber": lambda _: _text(hex(self.head)),
            "eth_getBlockByNumber": self._block,
            "eth_getBlockByHash": self._block,
            "eth_getBlockReceipts": self._receipts,
            "eth_getTransactionReceipt": self._receipt,
            "eth_getLogs": LogFilter(self.chain, self._number).answer,
            "replay_stats": lambda _: msgspec.json.encode(
                {"requests": self.requests, "first_block_at": self.first_block_at}
            ),
            "replay_reset": self._reset,
            "replay_latency": self._set_latency,
        }

    def answer(self, body: bytes) -> list[bytes]:
        """The answer's body in pieces."""
        self.requests += 1
        if body[:1] != b"[":
            return self._one(_CALL.decode(body))
        pieces = [b"["]
        for call in _CALLS.decode(body):
            pieces += self._one(call)
            pieces.append(b",")
        pieces[-1] = b"]"
        return pieces

    def _one(self, call: _Call) -> list[bytes]:
        method = self._methods.get(call.method)
        start = b'{"jsonrpc":"2.0","id":%b,' % bytes(call.id)
        if method is None:
            return [start, b'"error":{"code":-32601,"message":"Method not found"}}']
        return [start, b'"result":', method(call.params), b"}"]

    def _block(self, params: list[Any]) -> bytes:
        number = self._number(params[0])
        if number is None:
            return _NULL
        if params[1]:
            self.first_block_at = self.first_block_at or time.time()
            return self.chain.blocks[number]
        return _without_transactions(self.chain.blocks[number])

    def _receipts(self, params: list[Any]) -> bytes:
        number = self._number(params[0])
        return _NULL if number is None else self.chain.receipts[number]

    def _receipt(self, params: list[Any]) -> bytes:
        return _receipts_by_hash(self).get(params[0], _NULL)

    def _number(self, which: Any) -> int | None:
        if isinstance(which, dict):
            which = which.get("blockHash") or which.get("blockNumber")
        if len(which) == 66:
            number = self.numbers.get(which, self.head + 1)
        else:
            tags = {"earliest": 0, "finalized": self.head, "safe": self.head, "latest": self.head}
            number = tags[which] if which in tags else int(which, 16)
        return number if number <= self.head else None

    def _reset(self, _params: list[Any]) -> bytes:
        self.requests, self.first_block_at = 0, 0.0
        return b"true"

    def _set_latency(self, params: list[Any]) -> bytes:
        self.latency_s = params[0] / 1000
        return b"true"

    def __hash__(self) -> int:
        return id(self)


def _text(value: str) -> bytes:
    return f'"{value}"'.encode()


@cache
def _without_transactions(block: bytes) -> bytes:
    whole = json.loads(block)
    whole["transactions"] = [transaction["hash"] for transaction in whole["transactions"]]
    return msgspec.json.encode(whole)


@cache
def _receipts_by_hash(recording: Recording) -> dict[str, bytes]:
    """Made for the first caller that asks for single receipts."""
    found: dict[str, bytes] = {}
    for receipts in recording.chain.receipts:
        for raw in msgspec.json.decode(receipts, type=list[msgspec.Raw]):
            found[msgspec.json.decode(raw, type=_Receipt).transaction_hash] = bytes(raw)
    return found


class _Connection(asyncio.Protocol):
    """One keep-alive connection; requests are answered in the order they came."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class

    def data_received(self, data: bytes) -> None:
        self._received += data
        while True:
            head_end = self._received.find(_HEAD_END)
            if head_end < 0:
                return
            head = bytes(self._received[:head_end]).lower()
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
            end = head_end + len(_HEAD_END) + length
            if len(self._received) < end:
                return
            body = bytes(self._received[head_end + len(_HEAD_END) : end])
            del self._received[:end]
            self._answer(body)

    def _answer(self, body: bytes) -> None:
        pieces = self._recording.answer(body)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % sum(
            map(len, pieces)
        )
        if self._recording.latency_s:
            loop = asyncio.get_running_loop()
            loop.call_later(self._recording.latency_s, self._write, [head, *pieces])
        else:
            self._write([head, *pieces])

    def _write(self, pieces: Sequence[bytes]) -> None:
        assert self._transport is not None
        if not self._transport.is_closing():
            self._transport.writelines(pieces)


async def _serve(recording: Recording) -> None:
    """Serve until stdin ends, which is when the parent does; the first line of output is the port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(recording), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


@dataclass(frozen=True, slots=True)
class Replay:
    """A running replay server."""

    url: str
    pid: int

    def call(self, method: str, *params: Any) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)["result"]

    def reset(self) -> None:
        self.call("replay_reset")

    def first_block_at(self) -> float:
        """When the first block was asked for with its transactions since the last reset."""
        return float(self.call("replay_stats")["first_block_at"])

    def set_latency(self, milliseconds: float) -> None:
        self.call("replay_latency", milliseconds)


@contextmanager
def serving(module: str, *arguments: str) -> Iterator[tuple[str, int]]:
    """A server of `benchmarks` as a process of its own: its URL and pid. It ends with its input."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"benchmarks.{module}", *arguments],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}", process.pid
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


@contextmanager
def running_replay(path: Path, blocks: int | None = None, shape: str = RECORDED) -> Iterator[Replay]:
    """A server of the first `blocks` blocks of a recording, or of a chain made from it (`made_chains`)."""
    count = [] if blocks is None else ["--blocks", str(blocks)]
    with serving("replay", str(path), *count, "--shape", shape) as (url, pid):
        yield Replay(url, pid)


async def raw_rate(url: str, blocks: int, *, connections: int = 4, batch: int = 10) -> float:
    """Blocks and receipts per second that the server gives to a client that only counts bytes."""
    host, port = url.removeprefix("http://").split(":")
    numbers = iter([range(first, min(first + batch, blocks)) for first in range(0, blocks, batch)])

    async def work() -> None:
        reader, writer = await asyncio.open_connection(host, int(port), limit=2**20)
        for part in numbers:
            for method, suffix in (("eth_getBlockByNumber", ",true"), ("eth_getBlockReceipts", "")):
                calls = [
                    f'{{"jsonrpc":"2.0","id":{index},"method":"{method}","params":["{number:#x}"{suffix}]}}'
                    for index, number in enumerate(part)
                ]
                body = f"[{','.join(calls)}]".encode()
                writer.write(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
                head = await reader.readuntil(_HEAD_END)
                left = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
                while left:
                    left -= len(await reader.read(min(left, 2**20)))
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(connections)))
    return blocks / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path, nargs="?")
    parser.add_argument("--blocks", type=int)
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--shape", default=RECORDED, help="recorded, repeated, or the bytes of a fat block")
    options = parser.parse_args()
    chain = made(options.path or recording(), options.blocks, options.shape)
    uvloop.run(_serve(Recording(chain, latency_s=options.latency_ms / 1000)))


if __name__ == "__main__":
    main()
