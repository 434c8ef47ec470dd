"""Documents where they are stored: altered ones are never given whole, memory stays flat, a bucket is as good."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import psycopg
import pytest

from tests.integration.write_api.documents import jpeg, stored_as, upload, uploaded
from tests.integration.write_api.offices import Client, KeyFolder, Writing, signed_in, write_process
from tests.s3_server import ACCESS_KEY_ID, BUCKET, REGION, SECRET_ACCESS_KEY, s3_server

Sql = psycopg.Connection[psycopg.rows.DictRow]
_MIB = 1024 * 1024


def _truncated(path: Path, _other: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _cut_at_a_chunk(path: Path, _other: Path) -> None:
    path.write_bytes(path.read_bytes()[: 32 + 2 * (64 * 1024 + 16)])


def _altered_at_its_end(path: Path, _other: Path) -> None:
    whole = bytearray(path.read_bytes())
    whole[-20] ^= 1
    path.write_bytes(whole)


def _swapped(path: Path, other: Path) -> None:
    mine, others = path.read_bytes(), other.read_bytes()
    path.write_bytes(others)
    other.write_bytes(mine)


def _renamed(path: Path, other: Path) -> None:
    path.replace(other)


@pytest.mark.parametrize("tamper", [_truncated, _cut_at_a_chunk, _altered_at_its_end, _swapped, _renamed])
async def test_a_document_that_is_not_what_was_stored_is_never_given_whole(
    user: Client, sql: Sql, writing: Writing, tamper: Callable[[Path, Path], None]
) -> None:
    content = jpeg(200_000)
    document, other = await uploaded(user, content=content), await uploaded(user, content=jpeg(200_000))
    tamper(stored_as(writing, document), stored_as(writing, other))
    got = b""
    try:
        headers = {"Authorization": f"Bearer {user.token}"}
        async with user.session.get(f"/api/v1/kyc/documents/{document}/content", headers=headers) as answer:
            if answer.status == 200:
                async for piece in answer.content.iter_any():
                    got += piece
            whole = answer.status == 200
    except aiohttp.ClientPayloadError:
        whole = False
    assert not whole
    assert len(got) < len(content)
    events = sql.execute(
        "SELECT severity, threat_indicators ->> 'document' AS document FROM security_events"
        " WHERE event_type = 'document_integrity' AND user_id = %s",
        (user.id,),
    ).fetchall()
    assert events == [{"severity": "critical", "document": document}]
    said = writing.said()
    assert document in said
    assert "passport.jpg" not in said
    assert "Zaynab" not in said


async def test_documents_lie_in_a_bucket_as_they_do_in_a_folder(
    write_dsn: str, key_folder: KeyFolder, tmp_path: Path, sql: Sql
) -> None:
    with s3_server() as bucket:
        bucket.clear()
        settings: dict[str, Any] = {
            "storage__bucket": BUCKET,
            "storage__endpoint": bucket.endpoint,
            "storage__region": REGION,
            "storage__access_key_id": ACCESS_KEY_ID,
            "storage__secret_access_key": SECRET_ACCESS_KEY,
            "storage__allow_http": True,
        }

        def keys() -> list[str]:
            return [each["Key"] for each in bucket.client.list_objects_v2(Bucket=BUCKET).get("Contents", [])]

        with write_process(write_dsn, key_folder, tmp_path, **settings) as writing:
            async with aiohttp.ClientSession(writing.url) as session:
                user = await signed_in(session)
                content = jpeg(6 * _MIB)
                document = await uploaded(user, content=content)
                path = f"/kyc/documents/{document}"
                assert (await user.ask("GET", f"{path}/content")).body == content
                plain = document.replace("-", "")
                assert keys() == [f"documents/{plain[-2:]}/{plain}"]
                refused = await upload(user, content[:-2])
                assert refused.status == 422
                bucket.client.put_object(Bucket=BUCKET, Key=keys()[0], Body=b"PEND")
                assert (await user.ask("GET", f"{path}/content")).status == 500
                assert (await user.ask("DELETE", path)).status == 204
                assert (keys(), bucket.unfinished()) == ([], [])


def _worker(writing: Writing) -> Path:
    """The process that answers: the one child of the server that listens."""
    parent = writing.process.pid
    (child,) = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return Path("/proc") / child


def _resident(process: Path, field: str) -> int:
    """VmHWM is the highest since it was reset, VmRSS what it is now."""
    return int((process / "status").read_text().split(f"{field}:")[1].split()[0]) * 1024


async def test_a_document_of_20_mib_takes_no_more_memory_than_a_small_one(
    user: Client, writing: Writing
) -> None:
    content = jpeg(20 * _MIB)
    await uploaded(user, content=jpeg(6 * _MIB))  # what a first large document leaves to be used again
    process = _worker(writing)
    (process / "clear_refs").write_text("5")
    before = _resident(process, "VmRSS")
    document = await uploaded(user, content=content)
    read = await user.ask("GET", f"/kyc/documents/{document}/content")
    assert read.body == content
    assert _resident(process, "VmHWM") - before < 16 * _MIB
