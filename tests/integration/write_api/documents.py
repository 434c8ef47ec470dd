"""Documents as clients send them, and applications made of them."""

import io
import secrets
import zipfile
import zlib
from pathlib import Path
from typing import Any

from tests.integration.write_api.offices import Client, Reply, Writing

CANARY = b"Zaynab Canary, passport 0815"
DETAILS: dict[str, Any] = {
    "full_name": "Zaynab Canary",
    "date_of_birth": "1990-02-28",
    "nationality": "EG",
    "address": {"street": "1 Nile Corniche", "city": "Cairo", "country": "EG", "postal_code": "11511"},
    "document_number": "A0815",
}
WHY = "compared with the register of passports"


def jpeg(size: int = 400) -> bytes:
    """Of about `size` bytes, no two alike."""
    return (
        b"\xff\xd8\xff\xe0\0\x10JFIF\0"
        + CANARY
        + secrets.token_hex(16).encode()
        + b"\x11" * size
        + b"\xff\xd9"
    )


def png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    head = chunk(b"IHDR", bytes([0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0]))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")


def pdf(inside: bytes = b"") -> bytes:
    return b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog " + inside + b">>\nendobj\ntrailer <<>>\n%%EOF\n"


def zip_bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("a.jpg", bytes(10 * 1024 * 1024))
    return packed.getvalue()


def form(
    content: bytes, filename: str, document_type: str | None, declared: str, boundary: str, **more: str
) -> bytes:
    fields = {**({} if document_type is None else {"document_type": document_type}), **more}
    text = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    typed = f"Content-Type: {declared}\r\n" if declared else ""
    quoted = filename.replace("\\", "\\\\").replace('"', '\\"')
    text += f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{quoted}"\r\n{typed}\r\n'
    return text.encode() + content + f"\r\n--{boundary}--\r\n".encode()


async def upload(
    client: Client,
    content: bytes | None = None,
    filename: str = "passport.jpg",
    document_type: str | None = "passport",
    declared: str = "",
    more: dict[str, str] | None = None,
    **headers: str,
) -> Reply:
    """POST /kyc/documents, its form written by hand and under a boundary of its own."""
    boundary = secrets.token_hex(8)
    body = form(
        jpeg() if content is None else content, filename, document_type, declared, boundary, **more or {}
    )
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    sent["Content-Type"] = f"multipart/form-data; boundary={boundary}"
    if client.token is not None:
        sent["Authorization"] = f"Bearer {client.token}"
    async with client.session.post("/api/v1/kyc/documents", data=io.BytesIO(body), headers=sent) as answer:
        return Reply(answer.status, answer.headers.copy(), await answer.read())


async def uploaded(client: Client, **what: Any) -> str:
    """The id of a document that had to be taken."""
    reply = await upload(client, **what)
    assert reply.status == 201, reply.body
    id_: str = reply.json["id"]
    return id_


async def applied(client: Client) -> Any:
    """A new application with one document."""
    return await client.post(
        "/kyc/applications", {"details": DETAILS, "document_ids": [await uploaded(client)]}
    )


async def taken(reviewer: Client, application: str, by: Client | None = None) -> Reply:
    """The application as it is once it was assigned."""
    path = f"/admin/kyc/applications/{application}"
    before = await reviewer.ask("GET", path)
    assert before.status == 200, before.body
    to = None if by is None else str(by.id)
    done = await reviewer.ask("POST", f"{path}/assign", {"admin_id": to}, If_Match=before.version)
    assert done.status == 200, done.body
    return done


def stored(writing: Writing) -> set[Path]:
    """Every file in the storage, half-written ones too."""
    folder = writing.keys.folder / "documents"
    return {path for path in folder.rglob("*") if path.is_file()}


def stored_as(writing: Writing, document: str) -> Path:
    plain = document.replace("-", "")
    return writing.keys.folder / "documents" / "documents" / plain[-2:] / plain
