"""Documents of applicants: sealed on their way in, given back to those who may have them."""

import hashlib
from collections.abc import Callable
from uuid import uuid4

import psycopg
import pytest

from tests.integration.write_api import documents
from tests.integration.write_api.documents import jpeg, png, stored, stored_as, upload, uploaded
from tests.integration.write_api.offices import Client, Writing

Admins = Callable[[str], Client]
Sql = psycopg.Connection[psycopg.rows.DictRow]


async def test_a_document_is_stored_sealed_and_read_again(user: Client, sql: Sql, writing: Writing) -> None:
    content = jpeg(200_000)
    reply = await upload(user, content, "Reisepaß.jpg", declared="image/jpeg")
    assert reply.status == 201, reply.body
    document = reply.json
    assert (document["document_type"], document["media_type"], document["size"]) == (
        "passport",
        "image/jpeg",
        len(content),
    )
    assert document["sha256"] == "0x" + hashlib.sha256(content).hexdigest()
    at_rest = stored_as(writing, document["id"]).read_bytes()
    assert len(at_rest) > len(content)
    assert documents.CANARY not in at_rest
    row = sql.execute("SELECT * FROM kyc_documents WHERE id = %s", (document["id"],)).fetchone()
    assert row is not None
    assert b"Reisepa" not in row["original_filename"]
    key = sql.execute("SELECT purpose FROM data_keys WHERE id = %s", (row["data_key_id"],)).fetchone()
    assert key == {"purpose": "document"}
    again = await user.ask("GET", f"/kyc/documents/{document['id']}/content")
    assert (again.status, again.body) == (200, content)
    assert again.headers["content-type"] == "image/jpeg"
    assert again.headers["x-content-type-options"] == "nosniff"
    assert again.headers["content-disposition"] == (
        "attachment; filename=\"Reisepa_.jpg\"; filename*=UTF-8''Reisepa%C3%9F.jpg"
    )
    assert (await user.get("/kyc/documents"))["data"] == [document]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../../etc/passport.jpg", "passport.jpg"),
        ("C:\\Users\\me\\..\\passport.jpg", "passport.jpg"),
        ("/documents/ab/" + "0" * 32 + ".jpg", "0" * 32 + ".jpg"),
        ("pass\u202egpj.port.jpg", "passgpj.port.jpg"),
        ('a";filename=b.jpg', 'a";filename=b.jpg'),
    ],
)
async def test_a_name_is_kept_without_its_path_and_never_names_a_file_of_ours(
    user: Client, writing: Writing, given: str, kept: str
) -> None:
    before = stored(writing)
    reply = await upload(user, filename=given)
    assert reply.status == 201, reply.body
    assert reply.json["filename"] == kept
    assert stored(writing) - before == {stored_as(writing, reply.json["id"])}


async def test_documents_of_others_are_as_if_they_were_not_there(
    user: Client, stranger: Client, anyone: Client, writing: Writing
) -> None:
    document = await uploaded(user)
    theirs = await stranger.refused("GET", f"/kyc/documents/{document}/content", 404)
    nobodys = await stranger.refused("GET", f"/kyc/documents/{uuid4()}/content", 404)
    assert theirs["detail"] == nobodys["detail"]
    await stranger.refused("DELETE", f"/kyc/documents/{document}", 404)
    await anyone.refused("GET", f"/kyc/documents/{document}/content", 401)
    assert (await upload(anyone)).status == 401
    assert (await stranger.get("/kyc/documents"))["data"] == []
    assert stored_as(writing, document).exists()


async def test_administrators_need_kyc_documents_and_are_audited(
    user: Client, admins: Admins, sql: Sql
) -> None:
    content = png()
    document = await uploaded(user, content=content, filename="id.png", document_type="id")
    path, verifier = f"/admin/kyc/documents/{document}/content", admins("kyc_verifier")
    await verifier.refused("GET", path, 404)  # it was not submitted
    await user.post("/kyc/applications", {"details": documents.DETAILS, "document_ids": [document]})
    for role in ("asset_manager", "viewer", "auditor"):
        refusal = await admins(role).refused("GET", path, 403)
        assert refusal["rule"] == "kyc.documents"
    await user.refused("GET", path, 403)
    await verifier.refused("GET", f"/kyc/documents/{document}/content", 403)
    assert (await upload(verifier)).status == 403
    assert (await verifier.ask("GET", path)).body == content
    trail = sql.execute(
        "SELECT admin_id, resource_id FROM admin_audit_logs WHERE action = 'download' AND admin_id = %s",
        (verifier.id,),
    ).fetchall()
    assert trail == [{"admin_id": verifier.id, "resource_id": document}]


async def test_a_deleted_document_takes_its_file_and_its_key_with_it(
    user: Client, sql: Sql, writing: Writing
) -> None:
    document = await uploaded(user)
    row = sql.execute("SELECT data_key_id FROM kyc_documents WHERE id = %s", (document,)).fetchone()
    assert row is not None
    assert (await user.ask("DELETE", f"/kyc/documents/{document}")).status == 204
    assert not stored_as(writing, document).exists()
    key = sql.execute(
        "SELECT wrapped, destroyed_at IS NULL AS lives FROM data_keys WHERE id = %s", (row["data_key_id"],)
    ).fetchone()
    assert key == {"wrapped": None, "lives": False}
    await user.refused("GET", f"/kyc/documents/{document}/content", 404)
    await user.refused("DELETE", f"/kyc/documents/{document}", 404)


async def test_a_document_of_an_application_stays(user: Client, writing: Writing) -> None:
    application = await documents.applied(user)
    document = application["documents"][0]["id"]
    refusal = await user.refused("DELETE", f"/kyc/documents/{document}", 409)
    assert refusal["rule"] == "kyc_documents_used"
    assert stored_as(writing, document).exists()
