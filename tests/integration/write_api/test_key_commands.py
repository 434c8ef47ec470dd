"""Keys of an installation: made once, rotated while requests run, and missed at once when they are lost."""

import asyncio
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import psycopg
import pytest

from tests.database import DatabaseServer
from tests.integration.write_api.offices import (
    Client,
    KeyFolder,
    Writing,
    admin,
    command,
    signed_in,
    write_process,
)
from write_api import wrapping
from write_api.credentials import signing_key_file, signing_keys
from write_api.definer_sessions import definer_session
from write_api.encryption.errors import WrapBroken
from write_api.encryption.key_command import KeyCommand, open_command_keys
from write_api.encryption.key_file import add_key, read_key_file
from write_api.encryption.master_keys import FileKeys
from write_api.settings import WriteSettings

NAME = "Zaynab Canary"


@pytest.fixture(scope="module")
def installation(
    embedded_home: DatabaseServer, redis_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Writing]:
    """A process and keys of its own."""
    dsn = embedded_home.create(template=embedded_home.template())
    folder = tmp_path_factory.mktemp("rotated")
    with write_process(dsn, KeyFolder.made(folder), folder, redis__url=redis_server) as started:
        yield started
    embedded_home.drop(dsn)


async def _named(session: aiohttp.ClientSession) -> Client:
    """A user whose name is sealed."""
    user = await signed_in(session)
    before = await user.ask("GET", "/users/me")
    changed = await user.ask("PATCH", "/users/me", {"full_name": NAME}, If_Match=before.version)
    assert changed.status == 200, changed.body
    return user


def _wrapped_by(dsn: str) -> set[str]:
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT DISTINCT master_key_id FROM account.data_keys").fetchall()
    return {row[0] for row in rows}


def _master(keys: KeyFolder) -> Path:
    return keys.folder / "master.json"


async def test_master_key_is_rotated_while_requests_run(installation: Writing) -> None:
    dsn, keys = installation.dsn, installation.keys
    old = read_key_file(_master(keys)).current
    async with aiohttp.ClientSession(installation.url) as session:
        users = [await _named(session) for _ in range(3)]
        rotating = asyncio.create_task(asyncio.to_thread(command, dsn, keys, "keys", "rotate"))
        seen = 0
        while not rotating.done():
            users.append(await _named(session))
            for user in users[-4:]:
                assert (await user.get("/users/me"))["full_name"] == NAME
                seen += 1
        done = await rotating
        assert done.returncode == 0, done.stderr
        assert seen
        new = read_key_file(_master(keys)).current
        assert new != old
        assert f"made master key {new}" in done.stdout
        for user in users:  # what the old key's data keys sealed opens
            assert (await user.get("/users/me"))["full_name"] == NAME
        assert new in _wrapped_by(dsn)
        await _named(session)
    with psycopg.connect(dsn, autocommit=True) as connection:
        trail = connection.execute(
            "SELECT count(*), bool_and(justification = 'rotation of the master key'), bool_and(new_values ->> 'wrapped' LIKE 'sha256:%')"
            " FROM account.admin_audit_logs WHERE resource_type = 'data_keys' AND action = 'update'"
        ).fetchone()
    assert trail is not None
    assert trail[0] >= 3
    assert trail[1:] == (True, True)


async def test_rotation_that_was_broken_off_is_ended_without_another_key(
    installation: Writing, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn, keys = installation.dsn, installation.keys
    async with aiohttp.ClientSession(installation.url) as session:
        users = [await _named(session) for _ in range(5)]
        new = add_key(_master(keys))
        monkeypatch.setattr(wrapping, "BATCH", 2)
        settings = WriteSettings.model_validate({"database": {"dsn": dsn}})
        broken = "UPDATE account.data_keys SET wrapped = set_byte(wrapped, 20, get_byte(wrapped, 20) # 1) WHERE id = %s"
        with psycopg.connect(dsn, autocommit=True) as sql:
            ids = [row[0] for row in sql.execute("SELECT id FROM account.data_keys ORDER BY id")]
            sql.execute(broken, (ids[3],))
            async with definer_session(settings, "test") as connection:
                with pytest.raises(WrapBroken):
                    await wrapping.wrap_anew(connection, FileKeys(_master(keys)))
            rows = sql.execute("SELECT master_key_id FROM account.data_keys ORDER BY id").fetchall()
            assert [row[0] == new for row in rows][:4] == [True, True, False, False]
            sql.execute(broken, (ids[3],))
        for user in users:
            assert (await user.get("/users/me"))["full_name"] == NAME
        done = await asyncio.to_thread(command, dsn, keys, "keys", "rotate")
        assert done.returncode == 0, done.stderr
        assert _wrapped_by(dsn) == {new} == {read_key_file(_master(keys)).current}
        for user in users:
            assert (await user.get("/users/me"))["full_name"] == NAME


async def test_signing_key_is_rotated_without_signing_anyone_out(installation: Writing) -> None:
    dsn, keys = installation.dsn, installation.keys
    async with aiohttp.ClientSession(installation.url) as session:
        user = await signed_in(session)
        before = signing_key_file.read(keys.folder / "signing.json").current
        signing_keys.rotate(keys.folder / "signing.json", 960, datetime.now(UTC))
        assert signing_key_file.read(keys.folder / "signing.json").current != before
        auditor = admin(session, dsn, keys, "auditor")  # signed with the new key
        async with asyncio.timeout(20):
            while (await auditor.ask("GET", "/admin/audit")).status == 401:
                await asyncio.sleep(0.05)
        assert (await user.ask("GET", "/users/me")).status == 200


def test_lost_key_store_is_named_at_start_with_what_it_wraps(installation: Writing, tmp_path: Path) -> None:
    other = KeyFolder.made(tmp_path)
    (lost,) = _wrapped_by(installation.dsn)
    with psycopg.connect(installation.dsn) as connection:
        row = connection.execute(
            "SELECT count(*) FROM account.data_keys WHERE wrapped IS NOT NULL"
        ).fetchone()
    assert row is not None
    for arguments in (("serve",), ("keys", "status")):
        role = "pend_writer" if arguments == ("serve",) else ""
        done = command(installation.dsn, other, *arguments, database__role=role)
        assert done.returncode == 11, done.stderr
        assert f"master key {lost} is missing" in done.stderr
        assert f"{row[0]:,} data keys name it" in done.stderr
        assert "Restore the key" in done.stderr
    assert f"{lost:<32}  LOST     {row[0]} data keys" in done.stdout


NO_DATABASE = "postgresql://nobody@127.0.0.1:1/none"


def test_keys_are_made_once(tmp_path: Path) -> None:
    """What is there already stays as it is."""
    signing_keys.create(tmp_path / "signing.json", datetime.now(UTC))
    before = (tmp_path / "signing.json").read_bytes()
    done = command(NO_DATABASE, KeyFolder(tmp_path), "keys", "create")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "signing.json").read_bytes() == before
    assert read_key_file(tmp_path / "master.json").current in done.stdout
    assert (tmp_path / "master.json").stat().st_mode & 0o777 == 0o600


async def test_wrapped_index_of_a_key_service_is_printed_and_serves(tmp_path: Path) -> None:
    service = "import base64,sys; print(base64.b64encode(base64.b64decode(sys.stdin.read())[::-1]).decode())"
    (tmp_path / "service.py").write_text(service)
    argv = (sys.executable, str(tmp_path / "service.py"), "{operation}", "{key_id}")
    settings = {
        "encryption__source": "command",
        "encryption__command": ",".join(argv),
        "encryption__command_key_id": "k1",
    }
    done = await asyncio.to_thread(command, NO_DATABASE, KeyFolder(tmp_path), "keys", "create", **settings)
    assert done.returncode == 0, done.stderr
    (index,) = (line for line in done.stdout.splitlines() if line.startswith("k1:"))
    keys = await open_command_keys(KeyCommand(argv), "k1", (), index)
    assert keys.keyed_hash("phone", "+49") == keys.keyed_hash("phone", "+49")
    assert not (tmp_path / "master.json").exists()
