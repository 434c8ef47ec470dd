"""What is sent as a document and is not taken: nothing of it is left, in the storage or in the database."""

import asyncio
from collections.abc import AsyncIterator, Callable
from uuid import uuid4

import psycopg
import pytest

from tests.integration.write_api import documents
from tests.integration.write_api.documents import jpeg, pdf, png, stored, stored_as, upload, uploaded
from tests.integration.write_api.offices import Client, Writing

Sql = psycopg.Connection[psycopg.rows.DictRow]
_MIB = 1024 * 1024


def _count(sql: Sql, user: Client) -> int:
    row = sql.execute("SELECT count(*) AS n FROM kyc_documents WHERE user_id = %s", (user.id,)).fetchone()
    assert row is not None
    found: int = row["n"]
    return found


@pytest.mark.parametrize(
    ("content", "filename", "declared", "said"),
    [
        (b"", "a.jpg", "image/jpeg", "empty"),
        (documents.zip_bomb(), "a.jpg", "image/jpeg", "ZIP"),
        (documents.zip_bomb(), "a.docx", "", "ZIP"),
        (jpeg() + documents.zip_bomb(), "a.jpg", "", "archive as well"),
        (jpeg(9_000) + documents.zip_bomb(), "a.jpg", "", "ends as a ZIP"),
        (jpeg() + pdf(), "a.jpg", "", "PDF"),
        (pdf(b"/OpenAction << /S /JavaScript /JS (app.alert\\(1\\)) >>"), "a.pdf", "", "JavaScript"),
        (b"<html><script>alert(1)</script></html>", "a.jpg", "", "HTML"),
        (png(), "a.png", "image/jpeg", "declared"),
        (png(), "a.jpg", "", "extension"),
        (jpeg()[:-2], "a.jpg", "", "cut off"),
        (jpeg(), "..", "", "name"),
    ],
)
async def test_what_is_no_document_leaves_nothing(
    user: Client, sql: Sql, writing: Writing, content: bytes, filename: str, declared: str, said: str
) -> None:
    before = stored(writing)
    reply = await upload(user, content, filename, declared=declared)
    assert reply.status == 422, reply.body
    assert [fault["field"] for fault in reply.json["fields"]] == ["file"]
    assert said in reply.json["detail"]
    assert stored(writing) == before
    assert _count(sql, user) == 0


async def test_every_wrong_field_of_the_form_is_named_and_nothing_is_stored(
    user: Client, writing: Writing
) -> None:
    before = stored(writing)
    reply = await upload(user, document_type="selfie", more={"colour": "blue"})
    assert reply.status == 422
    assert {fault["field"] for fault in reply.json["fields"]} == {"document_type", "colour"}
    missing = await upload(user, document_type=None)
    assert [fault["field"] for fault in missing.json["fields"]] == ["document_type"]
    no_form = await user.ask("POST", "/kyc/documents", {"file": "x"})
    assert no_form.status == 415, no_form.body
    assert stored(writing) == before


async def test_an_eleventh_document_is_refused_however_many_come_at_once(
    user: Client, sql: Sql, writing: Writing
) -> None:
    before = stored(writing)
    replies = await asyncio.gather(*(upload(user) for _ in range(11)))
    refused = [reply.json for reply in replies if reply.status != 201]
    assert [(each["status"], each["rule"]) for each in refused] == [(409, "kyc_documents_count")]
    assert _count(sql, user) == 10
    kept = {stored_as(writing, reply.json["id"]) for reply in replies if reply.status == 201}
    assert stored(writing) - before == kept


async def test_a_repeated_upload_is_answered_again_and_stored_once(
    user: Client, sql: Sql, writing: Writing
) -> None:
    before, content, key = stored(writing), jpeg(), str(uuid4())
    first = await upload(user, content, Idempotency_Key=key)
    again = await upload(user, content, Idempotency_Key=key)
    assert (again.status, again.json, again.headers["idempotency-replayed"]) == (201, first.json, "true")
    other = await upload(user, jpeg(), Idempotency_Key=key)
    assert (other.status, other.json["type"]) == (422, "/problems/idempotency-key-reused")
    renamed = await upload(user, content, "visa.jpg", Idempotency_Key=key)
    assert renamed.status == 422
    assert _count(sql, user) == 1
    assert stored(writing) - before == {stored_as(writing, first.json["id"])}


async def test_the_same_upload_twice_at_once_is_one_document(
    user: Client, sql: Sql, writing: Writing
) -> None:
    before, content, key = stored(writing), jpeg(), str(uuid4())
    first, second = await asyncio.gather(*(upload(user, content, Idempotency_Key=key) for _ in range(2)))
    assert (first.status, second.status, first.json) == (201, 201, second.json)
    assert _count(sql, user) == 1
    assert stored(writing) - before == {stored_as(writing, first.json["id"])}


@pytest.mark.parametrize("fails", ["RAISE EXCEPTION 'no'", "PERFORM pg_terminate_backend(pg_backend_pid())"])
async def test_a_document_whose_row_is_not_committed_is_deleted(
    user: Client, sql: Sql, writing: Writing, fails: str
) -> None:
    before = stored(writing)
    sql.execute(
        f"CREATE FUNCTION public.fails_at_commit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER"
        f" AS $$ BEGIN {fails}; RETURN NULL; END $$"
    )
    sql.execute(
        "CREATE CONSTRAINT TRIGGER fails_at_commit AFTER INSERT ON kyc_documents DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION public.fails_at_commit()"
    )
    try:
        reply = await upload(user)
    finally:
        sql.execute("DROP FUNCTION public.fails_at_commit() CASCADE")
    assert reply.status in {500, 503}, reply.body
    assert stored(writing) == before
    assert _count(sql, user) == 0
    await uploaded(user)


async def _raw(
    writing: Writing, user: Client, *headers: str
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = writing.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = [
        "POST /api/v1/kyc/documents HTTP/1.1",
        f"Host: {host}",
        f"Authorization: Bearer {user.token}",
        "Content-Type: multipart/form-data; boundary=XX",
        *headers,
    ]
    writer.write("\r\n".join([*head, "", ""]).encode())
    await writer.drain()
    return reader, writer


async def test_five_gigabytes_are_refused_before_they_are_sent(user: Client, writing: Writing) -> None:
    reader, writer = await _raw(writing, user, f"Content-Length: {5 * 1024 * _MIB}")
    assert b" 413 " in await asyncio.wait_for(reader.readline(), 10)
    writer.close()


async def test_an_endless_upload_is_cut_off_at_the_limit(user: Client, sql: Sql, writing: Writing) -> None:
    before = stored(writing)
    begun = documents.form(b"", "a.jpg", "passport", "", "XX").partition(b"\r\n--XX--")[0] + jpeg()[:-2]
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield begun
        while sent < 200 * _MIB:
            yield bytes(_MIB)
            sent += _MIB

    headers = {
        "Authorization": f"Bearer {user.token}",
        "Content-Type": "multipart/form-data; boundary=XX",
    }
    async with user.session.post("/api/v1/kyc/documents", data=endless(), headers=headers) as answer:
        assert answer.status == 413
    assert sent < 40 * _MIB
    assert stored(writing) == before
    assert _count(sql, user) == 0


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.02)


async def test_a_client_that_goes_away_half_way_leaves_nothing(
    user: Client, sql: Sql, writing: Writing
) -> None:
    before = stored(writing)
    whole = documents.form(jpeg(12 * _MIB), "a.jpg", "passport", "", "XX")
    _, writer = await _raw(writing, user, f"Content-Length: {len(whole)}")
    writer.write(whole[: 11 * _MIB])
    await writer.drain()
    await _until(lambda: stored(writing) != before)  # a part is on the disk
    writer.transport.abort()
    await _until(lambda: stored(writing) == before)
    assert _count(sql, user) == 0
