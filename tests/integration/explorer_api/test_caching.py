"""What is kept, for how long, and what takes it back: by HTTP and by rows of the outbox."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import psycopg
import pytest
import redis

from tests.integration.explorer_api.explorers import Explored, explorer_process
from tests.processes import eventually

FINAL, HEAD, LIST = "/api/v1/blocks/3", "/api/v1/blocks/latest", "/api/v1/blocks?limit=100"


async def ask(api: aiohttp.ClientSession, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    async with api.get(path, headers=headers) as answer:
        return (
            answer.status,
            {name.lower(): value for name, value in answer.headers.items()},
            await answer.read(),
        )


async def sequence_of(api: aiohttp.ClientSession, path: str) -> int:
    _, headers, _ = await ask(api, path)
    return int(headers["pend-sequence"])


def announce(dsn: str, kind: str, first: int, last: int) -> int:
    """Commit a row of the outbox as a writer does; its sequence."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "UPDATE chain.chain_state SET outbox_sequence = outbox_sequence + 1 RETURNING outbox_sequence"
        ).fetchone()
        assert row is not None
        connection.execute(
            "INSERT INTO chain.outbox (sequence, kind, from_block, to_block) VALUES (%s, %s, %s, %s)",
            (row[0], kind, first, last),
        )
        return int(row[0])


@pytest.fixture
async def changing(explored: Explored, tmp_path: Path, redis_url: str) -> AsyncIterator[Callable[..., Any]]:
    """Explorers on one copy of the database: `async with changing() as (dsn, api)`."""
    with explored.clone() as dsn:

        @asynccontextmanager
        async def start(*, redis_url: str | None = redis_url, **settings: Any) -> AsyncIterator[Any]:
            folder = tmp_path / str(len(list(tmp_path.iterdir())))
            folder.mkdir()
            with explorer_process(dsn, folder, redis_url=redis_url, **settings) as serving:
                async with aiohttp.ClientSession(serving.url) as api:
                    yield dsn, api

        yield start


async def test_answer_says_where_it_is_true_and_how_long(
    api: aiohttp.ClientSession, explored: Explored
) -> None:
    _, headers, body = await ask(api, FINAL)
    meta = json.loads(body)["meta"]
    assert int(headers["pend-block-number"]) == meta["block_number"] == explored.head
    assert headers["pend-block-hash"] == meta["block_hash"]
    assert headers["pend-finality"] == meta["finality"] == "final"
    assert int(headers["pend-sequence"]) == meta["sequence"]
    assert headers["cache-control"] == "public, max-age=300"
    assert headers["vary"] == "Accept-Encoding, Origin"
    by_hash = json.loads(body)["data"]["hash"]
    _, headers, _ = await ask(api, f"/api/v1/blocks/{by_hash}")
    assert headers["cache-control"] == "public, max-age=31536000, immutable"
    for path in (HEAD, LIST):
        _, headers, _ = await ask(api, path)
        assert headers["cache-control"] == "no-cache"  # no block has come since it was started


async def test_answer_that_is_known_already_is_304_without_a_body(api: aiohttp.ClientSession) -> None:
    for path in (FINAL, HEAD, LIST):
        _, headers, _ = await ask(api, path)
        for given in (headers["etag"], f'"other", {headers["etag"]}', "*"):
            status, again, body = await ask(api, path, **{"If-None-Match": given})
            assert (status, body) == (304, b"")
            assert again["etag"] == headers["etag"]
            assert "content-type" not in again
        status, _, body = await ask(api, path, **{"If-None-Match": 'W/"other"'})
        assert status == 200
        assert body


async def test_head_is_get_without_a_body(api: aiohttp.ClientSession) -> None:
    for path in (FINAL, "/api/v1/blocks?limit=7&cursor=", "/api/v1/blocks/nope"):
        async with api.get(path) as got, api.head(path) as head:
            assert head.status == got.status
            assert await head.read() == b""
            for name in ("etag", "content-type", "cache-control", "content-length", "pend-sequence"):
                assert head.headers.get(name) == got.headers.get(name), (path, name)


async def test_gzip_is_the_same_answer(explored: Explored, serving: Any) -> None:
    async with aiohttp.ClientSession(serving.url, auto_decompress=False) as raw:
        for _ in range(2):  # computed, then kept
            _, plain_headers, plain = await ask(raw, LIST, **{"Accept-Encoding": "identity"})
            _, headers, packed = await ask(raw, LIST, **{"Accept-Encoding": "br, gzip"})
            assert headers["content-encoding"] == "gzip"
            assert "content-encoding" not in plain_headers
            assert gzip.decompress(packed) == plain
            assert headers["etag"] == plain_headers["etag"]
            assert int(headers["content-length"]) == len(packed) < len(plain)
            _, headers, _ = await ask(raw, LIST, **{"Accept-Encoding": "gzip;q=0"})
            assert "content-encoding" not in headers


async def test_new_block_retires_what_is_about_the_head_and_nothing_else(
    changing: Any, explored: Explored
) -> None:
    async with changing(redis_url=None) as (dsn, api):
        before = await sequence_of(api, FINAL)
        assert before == await sequence_of(api, HEAD)
        sequence = announce(dsn, "blocks", explored.head + 1, explored.head + 1)

        async def heard() -> bool:
            return await sequence_of(api, HEAD) == sequence

        await eventually(heard, "the new block")
        assert await sequence_of(api, LIST) == sequence
        assert await sequence_of(api, FINAL) == before


@pytest.mark.parametrize("kind", ["reorg", "decoded", "derived", "token", "fetched"])
async def test_change_of_what_is_stored_retires_final_answers_too(
    changing: Any, explored: Explored, kind: str
) -> None:
    async with changing(redis_url=None) as (dsn, api):
        block = json.loads((await ask(api, FINAL))[2])["data"]["hash"]
        named = f"/api/v1/blocks/{block}"
        before = await sequence_of(api, named)
        await ask(api, FINAL)
        sequence = announce(dsn, kind, 2, explored.head)

        async def heard() -> bool:
            return await sequence_of(api, FINAL) == sequence

        await eventually(heard, f"the row of kind {kind}")
        # Facts of a final block, named by its hash, outlive everything but a reorg.
        assert await sequence_of(api, named) == (sequence if kind == "reorg" else before)


async def test_answer_is_shared_by_processes_through_redis(changing: Any, redis_url: str) -> None:
    async with changing() as (_, first), changing() as (dsn, second):
        _, headers, body = await ask(first, LIST)

        def shared() -> bool:
            with redis.Redis.from_url(redis_url) as client:
                return any(b":answer:" in key for key in client.scan_iter())

        await eventually(shared, "an answer in Redis")
        with psycopg.connect(dsn, autocommit=True) as connection:
            # Behind the back of the outbox: who reads the database would see it.
            connection.execute("UPDATE chain.blocks SET size = 123456789 WHERE number = 100")
        _, again, same = await ask(second, LIST)
        assert (again["etag"], same) == (headers["etag"], body)
        _, _, other = await ask(second, "/api/v1/blocks?limit=99")
        assert b"123456789" in other


async def test_redis_that_is_flushed_or_gone_costs_no_answer(changing: Any, redis_url: str) -> None:
    async with changing() as (_, api):
        assert (await ask(api, LIST))[0] == 200
        with redis.Redis.from_url(redis_url) as client:
            client.flushdb()
        assert (await ask(api, LIST))[0] == 200
    async with changing(redis_url="redis://127.0.0.1:1/0") as (_, api):
        for _ in range(3):
            assert (await ask(api, LIST))[0] == 200


async def test_same_question_at_the_same_time_is_asked_once(changing: Any) -> None:
    async with changing(redis_url=None, queries__connections=1) as (dsn, api):
        with psycopg.connect(dsn) as blocker:
            blocker.execute("LOCK TABLE chain.blocks IN ACCESS EXCLUSIVE MODE")
            asked = [asyncio.create_task(ask(api, "/api/v1/blocks?limit=9")) for _ in range(20)]

            def waits() -> bool:
                with psycopg.connect(dsn) as watching:
                    row = watching.execute(
                        "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'chain.blocks'::regclass"
                    ).fetchone()
                    return row == (1,)

            await eventually(waits, "one statement waiting for the lock")
            blocker.rollback()
        answers = await asyncio.gather(*asked)
        assert {status for status, _, _ in answers} == {200}
        assert len({body for _, _, body in answers}) == 1
        async with api.get("/metrics") as metrics:
            text = await metrics.text()
        assert 'source="joined"' in text


async def test_database_away_is_503_and_what_is_kept_is_served(changing: Any) -> None:
    async with changing(redis_url=None) as (dsn, api):
        _, headers, body = await ask(api, FINAL)
        server, _, name = dsn.rpartition("/")
        with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
            admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
            )
            status, refused, details = await ask(api, "/api/v1/blocks/4")
            assert status == 503
            assert json.loads(details)["type"] == "/problems/database-away"
            assert int(refused["retry-after"]) > 0
            assert server.encode() not in details
            status, kept, same = await ask(api, FINAL)
            assert (status, kept["etag"], same) == (200, headers["etag"], body)
            admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')

        async def answers() -> bool:
            return (await ask(api, "/api/v1/blocks/4"))[0] == 200

        await eventually(answers, "the database answers again")


async def test_after_another_history_nothing_that_redis_kept_is_read(changing: Any, redis_url: str) -> None:
    async with changing() as (dsn, api):
        await ask(api, LIST)
        first = announce(dsn, "blocks", 1, 1)

        async def heard() -> bool:
            return await sequence_of(api, LIST) == first

        await eventually(heard, "the row")
        with psycopg.connect(dsn) as connection:
            # As after a restore: the same number, given to another row.
            connection.execute("UPDATE chain.outbox SET created_at = created_at - interval '1 hour'")

        def raised() -> bool:
            with redis.Redis.from_url(redis_url) as client:
                return any(int(client.get(key) or 0) > 0 for key in client.scan_iter("*:era"))

        await eventually(raised, "the era")
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("UPDATE chain.blocks SET size = 123456789 WHERE number = 100")
        async with changing() as (_, other):
            _, _, body = await ask(other, LIST)
        assert b"123456789" in body
