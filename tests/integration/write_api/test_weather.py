"""Limits, Redis away, the database away: clear refusals, and everything goes on afterwards. No canary in any log."""

import asyncio
import os
import signal
from pathlib import Path

import aiohttp
import psycopg
import pytest

from service.embedded_redis import EmbeddedRedis
from tests.database import DatabaseServer
from tests.integration.write_api.offices import Client, KeyFolder, Writing, signed_in, write_process

CANARIES = ("Canary-Name-7f3a", "canary-7f3a@example.com", "Canary preference 7f3a")


@pytest.fixture
def own_keys(tmp_path: Path) -> KeyFolder:
    return KeyFolder.made(tmp_path)


async def test_limits_hold_and_say_when_to_come_back(
    write_dsn: str, key_folder: KeyFolder, tmp_path: Path
) -> None:
    with write_process(
        write_dsn, key_folder, tmp_path, protection__enabled=True, protection__burst_per_s=1_000
    ) as writing:
        async with aiohttp.ClientSession(writing.url) as session:
            anyone = Client(session)
            body = {"message": "no message", "signature": "0x"}
            statuses = [(await anyone.ask("POST", "/auth/wallet/sign-in", body)).status for _ in range(7)]
            assert statuses == [401] * 5 + [429] * 2
            refusal = await anyone.refused("POST", "/auth/wallet/sign-in", 429, body)
            assert 0 < refusal["retry_after_s"] <= 980
            assert (
                await anyone.ask("POST", "/auth/wallet/nonce", {"address": "0x" + "ab" * 20})
            ).status == 201
            assert (await anyone.ask("GET", "/health/live")).status == 200


async def test_without_redis_everything_is_served_and_said(
    write_dsn: str, own_keys: KeyFolder, embedded_home: DatabaseServer, tmp_path: Path
) -> None:
    dsn = embedded_home.create(template=embedded_home.template())
    redis = EmbeddedRedis()
    redis.start()
    try:
        with write_process(dsn, own_keys, tmp_path, redis__url=redis.url) as writing:
            async with aiohttp.ClientSession(writing.url) as session:
                user = await signed_in(session)
                redis.stop()
                assert (await user.get("/users/me"))["id"] == str(user.id)
                other = await signed_in(session)
                assert (await other.get("/users/me"))["id"] == str(other.id)
                report = await user.get("/api/v1/health")
                assert report["status"] == "degraded"
                assert report["parts"]["redis"]["status"] in {"slow", "unavailable"}
    finally:
        redis.stop()
        embedded_home.drop(dsn)


async def test_a_crash_of_the_database_costs_requests_and_nothing_else(
    own_keys: KeyFolder, embedded_home: DatabaseServer, tmp_path: Path
) -> None:
    dsn = embedded_home.create(template=embedded_home.template())
    try:
        with write_process(dsn, own_keys, tmp_path) as writing:
            async with aiohttp.ClientSession(writing.url) as session:
                user = await signed_in(session)
                with psycopg.connect(dsn, autocommit=True) as connection:
                    connection.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE application_name LIKE 'pend-write%' AND datname = current_database()"
                    )
                for _ in range(20):
                    reply = await user.ask("GET", "/users/me")
                    if reply.status == 200:
                        break
                    assert reply.status == 503
                    await asyncio.sleep(0.05)
                assert reply.status == 200
    finally:
        embedded_home.drop(dsn)


async def test_sigterm_answers_what_was_asked_and_ends(
    write_dsn: str, key_folder: KeyFolder, tmp_path: Path
) -> None:
    with write_process(write_dsn, key_folder, tmp_path) as writing:
        os.kill(writing.process.pid, signal.SIGTERM)
        assert await asyncio.to_thread(writing.process.wait, 15) == 0


async def test_no_canary_of_persons_or_secrets_is_in_what_the_process_writes(
    writing: Writing, user: Client, anyone: Client
) -> None:
    name, email, preference = CANARIES
    before = await user.ask("GET", "/users/me")
    changed = await user.ask(
        "PATCH",
        "/users/me",
        {"full_name": name, "email": email, "preferences": {"note": preference}},
        If_Match=before.version,
    )
    assert changed.status == 200
    await user.ask("PATCH", "/users/me", {"full_name": 5, "email": email}, If_Match=changed.version)
    await anyone.ask("GET", f"/users/me?{email}={name}")
    await anyone.ask("POST", "/auth/wallet/sign-in", {"message": name, "signature": email})
    await anyone.ask("POST", "/auth/refresh", {"refresh_token": user.refresh_token + name})
    await Client(user.session, f"{user.token}{email}").ask("GET", "/users/me")
    said = writing.said()
    assert user.token is not None
    for canary in (*CANARIES, user.token, user.token.split(".")[2], user.refresh_token):
        assert canary not in said
