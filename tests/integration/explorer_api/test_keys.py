"""`pend-explorer keys` and `pend-explorer config`, as an operator runs them, and what a running explorer makes of it."""

import asyncio
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import aiohttp
import psycopg
import pytest

from tests.integration.explorer_api.explorers import Explored, explorer_process
from tests.integration.explorer_api.explorers import _environment as environment_of

KEY = re.compile(r"pend_([a-z0-9]{8})_[a-z2-7]{32}\n\Z")


def _run(dsn: str, *arguments: str, **settings: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        (sys.executable, "-m", "explorer_api", *arguments),
        env=environment_of(database__dsn=dsn, **settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _issued(dsn: str, *arguments: str) -> tuple[str, str]:
    done = _run(dsn, "keys", "issue", *arguments)
    assert done.returncode == 0, done.stderr
    found = KEY.match(done.stdout)
    assert found is not None, done.stdout
    return found[1], done.stdout.strip()


async def test_key_has_its_tier_until_it_is_revoked(explored: Explored, tmp_path: Path) -> None:
    with (
        explored.clone() as dsn,
        explorer_process(dsn, tmp_path, limits__enabled=True, limits__key_requests_per_minute=77) as serving,
    ):
        id_, key = _issued(dsn, "--name", "PendScan", "--tier", "standard", "--expires-in", "90d")
        async with aiohttp.ClientSession(serving.url) as session:

            async def limit_becomes(wanted: str) -> None:
                async with asyncio.timeout(30):
                    while True:
                        async with session.get("/api/v1/blocks/1", headers={"X-API-Key": key}) as answer:
                            if answer.headers.get("RateLimit-Limit") == wanted:
                                return
                        await asyncio.sleep(0.2)

            await limit_becomes("77")
            assert _run(dsn, "keys", "revoke", id_).returncode == 0
            await limit_becomes("300")


def test_key_is_stored_as_its_hash_and_listed_without_its_secret(explored: Explored) -> None:
    with explored.clone() as dsn:
        id_, key = _issued(dsn, "--name", " PendScan ", "--tier", "partner")
        other, _ = _issued(dsn, "--name", "somebody", "--tier", "standard", "--expires-in", "12h")
        with psycopg.connect(dsn) as connection:
            row = connection.execute(
                "SELECT name, key_hash, tier, expires_at, revoked_at FROM ops.api_keys WHERE id = %s", (id_,)
            ).fetchone()
            assert row == ("PendScan", sha256(key.encode()).digest(), "partner", None, None)
            row = connection.execute(
                "SELECT extract(epoch FROM expires_at - created_at) FROM ops.api_keys WHERE id = %s", (other,)
            ).fetchone()
            assert row is not None
            assert row[0] == 12 * 3_600
        assert _run(dsn, "keys", "revoke", other).returncode == 0
        assert _run(dsn, "keys", "revoke", other).returncode == 0
        listed = _run(dsn, "keys", "list").stdout.splitlines()
        assert [(line.split()[0], "revoked" in line) for line in listed] == [(id_, False), (other, True)]
        assert listed[0].endswith("PendScan")
        assert key.rpartition("_")[2] not in "".join(listed)
        with psycopg.connect(dsn) as connection:
            connection.execute(
                "UPDATE ops.api_keys SET expires_at = now() - interval '1 s' WHERE id = %s", (id_,)
            )
        assert " expired " in _run(dsn, "keys", "list").stdout.splitlines()[0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("issue", "--name", " ", "--tier", "standard"), "--name"),
        (("issue", "--name", "x", "--tier", "gold"), "standard"),
        (("issue", "--name", "x", "--tier", "standard", "--expires-in", "0d"), "90d"),
        (("issue", "--name", "x", "--tier", "standard", "--expires-in", "soon"), "90d"),
        (("revoke", "nosuchid"), "keys list"),
    ],
)
def test_keys_with_wrong_arguments_says_which(
    explored: Explored, arguments: tuple[str, ...], said: str
) -> None:
    done = _run(explored.dsn, "keys", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""


def test_keys_by_a_login_that_may_not_says_who_may(explored: Explored) -> None:
    with explored.clone() as dsn:
        name = dsn.rpartition("/")[2].replace("-", "_")
        login = f"{name}_reader"
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(f"CREATE ROLE \"{login}\" LOGIN PASSWORD 'x' IN ROLE pend_explorer".encode())
        try:
            rest = dsn.rpartition("@")[2] if "@" in dsn else dsn.removeprefix("postgresql://")
            done = _run(
                f"postgresql://{login}:x@{rest}", "keys", "issue", "--name", "x", "--tier", "standard"
            )
            assert done.returncode == 9
            assert "ops.api_keys" in done.stderr
            assert "owner of the schema" in done.stderr
            assert done.stdout == ""
        finally:
            with psycopg.connect(dsn, autocommit=True) as connection:
                connection.execute(f'DROP ROLE "{login}"'.encode())


def test_config_shows_every_setting_with_its_source_and_no_secret() -> None:
    done = _run("postgresql://reader:hunter2@127.0.0.1/x", "config", limits__preset="seed")
    assert done.returncode == 0, done.stderr
    assert "hunter2" not in done.stdout
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert lines["limits.preset"].split()[1:] == ["seed", "PEND_LIMITS__PRESET"]
    assert lines["cache.pools_s"].split()[1:] == ["600.0", "default"]
    assert lines["database.dsn"].endswith("PEND_DATABASE__DSN")
