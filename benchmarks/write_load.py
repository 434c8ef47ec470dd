"""Requests to the write API from a process of its own: so many a second, or so many at once.

Reads an order from the file that is named, prints one JSON object.
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvloop

Asked = list[Any]
"""Kind, method, path, bearer token, body or null, Idempotency-Key or null."""

_WITHIN_S = 30.0


class Connection:
    """One keep-alive connection that asks one question at a time, and begins anew when it is lost."""

    def __init__(self, url: str) -> None:
        self._host = urlsplit(url).netloc
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, asked: Asked) -> str:
        """The status, or what went wrong."""
        try:
            async with asyncio.timeout(_WITHIN_S):
                return await self._ask(asked)
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            if self._streams is not None:
                self._streams[1].close()
            self._streams = None
            return type(error).__name__

    async def _ask(self, asked: Asked) -> str:
        _, method, path, token, body, key = asked
        content = b"" if body is None else json.dumps(body).encode()
        head = [
            f"{method} {path} HTTP/1.1",
            f"host: {self._host}",
            f"authorization: Bearer {token}",
            f"content-length: {len(content)}",
        ]
        if body is not None:
            head.append("content-type: application/json")
        if key is not None:
            head.append(f"idempotency-key: {key}")
        if self._streams is None:
            host, port = self._host.rsplit(":", 1)
            self._streams = await asyncio.open_connection(host, int(port))
        reader, writer = self._streams
        writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + content)
        answer = await reader.readuntil(b"\r\n\r\n")
        lowered = answer.lower()
        at = lowered.find(b"content-length:")
        if at >= 0:
            await reader.readexactly(int(lowered[at + 15 :].split(b"\r\n", 1)[0]))
        return answer[9:12].decode()


class Seen:
    """Seconds and statuses by kind; the keys of what was acknowledged."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}
        self.statuses: dict[str, dict[str, int]] = {}
        self.acknowledged: list[str] = []

    def note(self, asked: Asked, begun: float, status: str) -> None:
        kind, key = asked[0], asked[5]
        self.seconds.setdefault(kind, []).append(time.perf_counter() - begun)
        counts = self.statuses.setdefault(kind, {})
        counts[status] = counts.get(status, 0) + 1
        if key is not None and status == "201":
            self.acknowledged.append(key)


async def _open_loop(order: dict[str, Any], run_s: float, seed: int) -> Seen:
    """A request is due every 1/per_s seconds; the time of an answer counts from when it was due."""
    seen, rng = Seen(), random.Random(seed)
    kinds = list(order["mix"])
    weights = [order["mix"][kind]["weight"] for kind in kinds]
    idle = [Connection(order["url"]) for _ in range(order["at_once"])]
    waiting: set[asyncio.Task[None]] = set()

    async def one(asked: Asked, due: float) -> None:
        connection = idle.pop() if idle else Connection(order["url"])
        seen.note(asked, due, await connection.ask(asked))
        idle.append(connection)

    begun = time.perf_counter()
    for number in range(round(order["per_s"] * run_s)):
        due = begun + number / order["per_s"]
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        (kind,) = rng.choices(kinds, weights)
        task = asyncio.create_task(one(rng.choice(order["mix"][kind]["asked"]), due))
        waiting.add(task)
        task.add_done_callback(waiting.discard)
    await asyncio.gather(*waiting)
    return seen


async def _closed_loop(order: dict[str, Any]) -> Seen:
    """`at_once` clients, each asking its next question when the last was answered."""
    seen, until = Seen(), time.perf_counter() + order["run_s"]
    questions: Iterator[Asked] = iter(order["asked"])

    async def client() -> None:
        connection = Connection(order["url"])
        for asked in questions:
            begun = time.perf_counter()
            if begun >= until:
                return
            seen.note(asked, begun, await connection.ask(asked))

    await asyncio.gather(*(client() for _ in range(order["at_once"])))
    return seen


async def _main(order: dict[str, Any]) -> dict[str, Any]:
    if "mix" in order:
        await _open_loop(order, order["warm_s"], 1)
        begun = time.perf_counter()
        seen = await _open_loop(order, order["run_s"], 2)
    else:
        begun = time.perf_counter()
        seen = await _closed_loop(order)
    return {**vars(seen), "elapsed_s": time.perf_counter() - begun}


if __name__ == "__main__":
    print(json.dumps(uvloop.run(_main(json.loads(Path(sys.argv[1]).read_text())))))
