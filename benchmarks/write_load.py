"""Requests to the write API from a process of its own: so many a second, or so many at once.

Reads an order from the file that is named, prints one JSON object.
"""

import asyncio
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp
import uvloop

Asked = list[Any]
"""Kind, method, path, bearer token, body or null, Idempotency-Key or null."""


async def _ask(session: aiohttp.ClientSession, asked: Asked, begun: float, seen: dict[str, Any]) -> None:
    kind, method, path, token, body, key = asked
    headers = {"authorization": f"Bearer {token}"}
    if key is not None:
        headers["idempotency-key"] = key
    try:
        async with session.request(method, path, json=body, headers=headers) as answer:
            await answer.read()
            status = answer.status
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        status = type(error).__name__
    seen["seconds"].setdefault(kind, []).append(time.perf_counter() - begun)
    counts = seen["statuses"].setdefault(kind, {})
    counts[str(status)] = counts.get(str(status), 0) + 1
    if key is not None and status == 201:
        seen["acknowledged"].append(key)


async def _open_loop(session: aiohttp.ClientSession, order: dict[str, Any], seen: dict[str, Any]) -> None:
    """A request is due every 1/per_s seconds; the time of an answer counts from when it was due."""
    rng = random.Random(order["seed"])
    kinds = list(order["mix"])
    weights = [order["mix"][kind]["weight"] for kind in kinds]
    waiting: set[asyncio.Task[None]] = set()
    begun = time.perf_counter()
    for number in range(round(order["per_s"] * order["run_s"])):
        due = begun + number / order["per_s"]
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        (kind,) = rng.choices(kinds, weights)
        asked = rng.choice(order["mix"][kind]["asked"])
        task = asyncio.create_task(_ask(session, asked, due, seen))
        waiting.add(task)
        task.add_done_callback(waiting.discard)
    await asyncio.gather(*waiting)


async def _closed_loop(session: aiohttp.ClientSession, order: dict[str, Any], seen: dict[str, Any]) -> None:
    """`at_once` clients, each asking its next question when the last was answered."""
    until = time.perf_counter() + order["run_s"]
    questions = iter(order["asked"])

    async def client() -> None:
        for asked in questions:
            begun = time.perf_counter()
            if begun >= until:
                return
            await _ask(session, asked, begun, seen)

    await asyncio.gather(*(client() for _ in range(order["at_once"])))


async def _main(order: dict[str, Any]) -> dict[str, Any]:
    seen: dict[str, Any] = {"seconds": {}, "statuses": {}, "acknowledged": []}
    connector = aiohttp.TCPConnector(limit=order.get("at_once", 64))
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(order["url"], connector=connector, timeout=timeout) as session:
        loop = _open_loop if "mix" in order else _closed_loop
        if warm := order.get("warm_s"):
            await loop(
                session,
                {**order, "run_s": warm, "seed": 1},
                {"seconds": {}, "statuses": {}, "acknowledged": []},
            )
        begun = time.perf_counter()
        await loop(session, order, seen)
        seen["elapsed_s"] = time.perf_counter() - begun
    return seen


if __name__ == "__main__":
    print(json.dumps(uvloop.run(_main(json.loads(Path(sys.argv[1]).read_text())))))
