"""Documents of offers: who puts them there, who reads them, and that they are what was stored."""

import asyncio
import hashlib
import io
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import psycopg
import pytest

from tests.integration.write_api.documents import form, jpeg, pdf, stored, stored_as, zip_bomb
from tests.integration.write_api.offers import WHY, described, drafted, offered
from tests.integration.write_api.offices import Client, Reply, Writing

Admins = Callable[[str], Client]
Sql = psycopg.Connection[psycopg.rows.DictRow]


@pytest.fixture
def manager(admins: Admins) -> Client:
    return admins("asset_manager")


async def _upload(
    client: Client,
    asset: Any,
    content: bytes,
    *,
    title: str | None = "Prospectus",
    filename: str = "a",
    **headers: str,
) -> Reply:
    boundary = secrets.token_hex(8)
    fields = {} if title is None else {"title": title}
    sent = {name.replace("_", "-"): value for name, value in headers.items()} | {
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Authorization": f"Bearer {client.token}",
    }
    path = f"/api/v1/admin/assets/{asset['id']}/documents"
    body = form(content, filename, None, "", boundary, **fields)
    async with client.session.post(path, data=io.BytesIO(body), headers=sent) as answer:
        return Reply(answer.status, answer.headers.copy(), await answer.read())


async def test_an_offers_document_is_read_by_everybody_as_it_was_uploaded(
    manager: Client, admins: Admins, user: Client, anyone: Client
) -> None:
    asset, content = await offered(manager, admins("super_admin")), pdf()
    reply = await _upload(manager, asset, content, title="Terms / \u0634\u0631\u0648\u0637")
    assert reply.status == 201, reply.body
    assert reply.json["sha256"] == "0x" + hashlib.sha256(content).hexdigest()
    assert (reply.json["mime_type"], reply.json["file_size"]) == ("application/pdf", len(content))
    assert (await user.get(f"/assets/{asset['id']}"))["documents"] == [reply.json]
    where = f"/assets/{asset['id']}/documents/{reply.json['id']}/content"
    assert reply.headers["location"] == f"/api/v1{where}"
    for reader in (user, manager, admins("kyc_verifier")):
        read = await reader.ask("GET", where)
        assert (read.status, read.body) == (200, content)
        assert read.headers["content-type"] == "application/pdf"
        assert read.headers["content-disposition"].startswith("attachment;")
        assert "/" not in read.headers["content-disposition"].split("filename*")[0]
    await anyone.refused("GET", where, 401)
    other = await drafted(manager)
    await manager.refused("GET", where.replace(asset["id"], other["id"]), 404)


async def test_a_drafts_document_is_not_there_for_users(manager: Client, user: Client) -> None:
    draft = await drafted(manager)
    document = (await _upload(manager, draft, jpeg())).json
    where = f"/assets/{draft['id']}/documents/{document['id']}/content"
    assert (await manager.ask("GET", where)).status == 200
    missing = await user.refused("GET", where, 404)
    unknown = await user.refused("GET", f"/assets/{draft['id']}/documents/{uuid4()}/content", 404)
    assert missing["detail"] == unknown["detail"]


async def test_what_is_no_document_is_refused_and_not_stored(manager: Client, writing: Writing) -> None:
    draft = await drafted(manager)
    before = stored(writing)
    for content, given, field in (
        (b"", {}, "file"),
        (zip_bomb(), {}, "file"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", {}, "file"),
        (pdf(b"/JavaScript (x) "), {}, "file"),
        (jpeg()[:-2], {}, "file"),
        (pdf(), {"filename": "../../a.jpg"}, "file"),
        (pdf(), {"title": None}, "title"),
        (pdf(), {"title": " "}, "title"),
        (pdf(), {"title": "x" * 256}, "title"),
    ):
        reply = await _upload(manager, draft, content, **given)
        assert reply.status == 422, reply.body
        assert {fault["field"] for fault in reply.json["fields"]} == {field}
    assert (await manager.get(f"/assets/{draft['id']}"))["documents"] == []
    assert (await _upload(manager, {"id": uuid4()}, pdf())).status == 404
    assert stored(writing) == before


async def test_only_asset_managers_put_and_take_documents(
    manager: Client, admins: Admins, user: Client
) -> None:
    draft = await drafted(manager)
    document = (await _upload(manager, draft, pdf())).json
    for who in (user, admins("viewer"), admins("auditor")):
        assert (await _upload(who, draft, pdf())).status == 403
        await who.refused("DELETE", f"/admin/assets/{draft['id']}/documents/{document['id']}", 403)
    assert (await manager.get(f"/assets/{draft['id']}"))["documents"] == [document]


async def test_documents_stay_as_they_are_while_an_activation_waits(
    manager: Client, writing: Writing
) -> None:
    draft = await described(manager, await drafted(manager))
    document = (await _upload(manager, draft, pdf())).json
    before = stored(writing)
    await manager.post(f"/admin/assets/{draft['id']}/activation", {"justification": WHY}, 202)
    late = await _upload(manager, draft, jpeg())
    assert (late.status, late.json["rule"]) == (409, "assets_awaits_activation")
    path = f"/admin/assets/{draft['id']}/documents/{document['id']}"
    assert (await manager.refused("DELETE", path, 409))["rule"] == "assets_awaits_activation"
    assert (await manager.get(f"/assets/{draft['id']}"))["documents"] == [document]
    assert stored(writing) == before


async def test_a_document_that_is_taken_out_is_gone_from_the_storage(
    manager: Client, writing: Writing
) -> None:
    draft = await drafted(manager)
    document = (await _upload(manager, draft, pdf())).json
    file = stored_as(writing, document["id"])
    assert file.read_bytes() == pdf()
    path = f"/admin/assets/{draft['id']}/documents/{document['id']}"
    assert (await manager.ask("DELETE", path)).status == 204
    assert not file.exists()
    await manager.refused("DELETE", path, 404)
    await manager.refused("GET", f"/assets/{draft['id']}/documents/{document['id']}/content", 404)


async def test_a_repeated_upload_with_its_key_is_one_document(manager: Client, writing: Writing) -> None:
    draft, content, key = await drafted(manager), jpeg(), str(uuid4())
    first = await _upload(manager, draft, content, Idempotency_Key=key)
    second = await _upload(manager, draft, content, Idempotency_Key=key)
    assert (first.status, first.json) == (second.status, second.json)
    assert (await _upload(manager, draft, jpeg(), Idempotency_Key=key)).status == 422
    [document] = (await manager.get(f"/assets/{draft['id']}"))["documents"]
    assert [path.read_bytes() for path in stored(writing)].count(content) == 1
    assert stored_as(writing, document["id"]).exists()


async def test_an_asset_has_fifty_documents_and_no_more_at_once(
    manager: Client, sql: Sql, writing: Writing
) -> None:
    draft = await drafted(manager)
    sql.execute(
        "INSERT INTO asset_documents (asset_id, title, stored_filename, file_size, mime_type, file_hash, uploaded_by)"
        " SELECT %s, 'Annex ' || n, gen_random_uuid(), 1, 'image/png', sha256('x'), %s FROM generate_series(1, 48) AS n",
        (draft["id"], manager.id),
    )
    before = len(stored(writing))
    replies = await asyncio.gather(*(_upload(manager, draft, jpeg()) for _ in range(5)))
    assert sorted(reply.status for reply in replies) == [201, 201, 409, 409, 409]
    assert {reply.json["rule"] for reply in replies if reply.status == 409} == {"asset_documents_count"}
    assert len(stored(writing)) == before + 2
    assert len((await manager.get(f"/assets/{draft['id']}"))["documents"]) == 50


def _truncated(path: Path, _other: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def _altered(path: Path, _other: Path) -> None:
    whole = bytearray(path.read_bytes())
    whole[-3] ^= 1
    path.write_bytes(whole)


def _swapped(path: Path, other: Path) -> None:
    mine, others = path.read_bytes(), other.read_bytes()
    path.write_bytes(others)
    other.write_bytes(mine)


def _gone(path: Path, _other: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("tamper", [_truncated, _altered, _swapped, _gone])
async def test_a_document_that_is_not_what_was_stored_is_never_given_whole(
    manager: Client, sql: Sql, writing: Writing, tamper: Callable[[Path, Path], None]
) -> None:
    draft, content = await drafted(manager), jpeg(1_500_000)
    document, other = [(await _upload(manager, draft, each)).json for each in (content, jpeg(1_500_000))]
    tamper(stored_as(writing, document["id"]), stored_as(writing, other["id"]))
    got = b""
    with pytest.raises(aiohttp.ClientPayloadError):  # noqa: PT012  the status may be an answer already
        where = f"/api/v1/assets/{draft['id']}/documents/{document['id']}/content"
        headers = {"Authorization": f"Bearer {manager.token}"}
        async with manager.session.get(where, headers=headers) as answer:
            if answer.status == 500:
                raise aiohttp.ClientPayloadError
            async for piece in answer.content.iter_any():
                got += piece
    assert len(got) < len(content)
    events = sql.execute(
        "SELECT severity, automatic_action_taken FROM security_events"
        " WHERE event_type = 'document_integrity' AND threat_indicators ->> 'document' = %s",
        (document["id"],),
    ).fetchall()
    assert events == [{"severity": "critical", "automatic_action_taken": "download refused"}]
