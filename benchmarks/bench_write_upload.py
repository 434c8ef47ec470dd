"""A document of 20 MB on its way into the storage, stage by stage, beside plain AES-GCM of the same bytes."""

import asyncio
import hashlib
import importlib.metadata
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import aiohttp
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from benchmarks.accounts import Accounts, accounts
from benchmarks.bench_explorer_mix import rss_bytes
from benchmarks.bench_write_invest import write_api
from benchmarks.http_load import Served
from benchmarks.report import Figures, Report, note, options
from write_api.encryption.documents import Decrypted, Encrypted
from write_api.storage.keys import document_key
from write_api.storage.objects import Storage, open_folder
from write_api.uploads.multipart import Limits, read_multipart
from write_api.uploads.sniffing import Sniffer

BYTES, QUICK_BYTES = 20_000_000, 4_000_000
TARGET = 0.5
MIB = 1024 * 1024
_PIECE_BYTES = 64 * 1024  # as an HTTP server hands them on
_WHOLE = "stream: multipart, sniffed, stored"
_TIMES, _QUICK_TIMES = 7, 1
UPLOADS = 15


@dataclass(frozen=True, slots=True)
class Side:
    """One way of the same bytes; `base` names the side that its ratio is taken to."""

    name: str
    base: str
    run: Callable[[], Awaitable[None]]


@dataclass(slots=True)
class Measured:
    """Seconds of each round."""

    sides: list[Side]
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def ratio(self, name: str, base: str) -> Figures:
        pairs = zip(self.seconds[base], self.seconds[name], strict=True)
        return Figures(tuple(theirs / ours for theirs, ours in pairs))


class Way:
    """The same document, plain and on each stage of its way."""

    def __init__(self, storage: Storage, size: int) -> None:
        self.storage, self.content = storage, b"\xff\xd8\xff" + os.urandom(size - 5) + b"\xff\xd9"
        self.key, self.key_id, self.document_id = os.urandom(32), uuid4(), uuid4()
        self.kept: tuple[bytes, int] | None = None

    async def pieces(self) -> AsyncIterator[bytes]:
        for at in range(0, len(self.content), _PIECE_BYTES):
            yield self.content[at : at + _PIECE_BYTES]

    async def plain(self) -> None:
        AESGCM(self.key).encrypt(os.urandom(12), self.content, None)

    async def plain_hashed(self) -> None:
        await self.plain()
        hashlib.sha256(self.content).digest()

    async def plain_stored(self) -> None:
        """Encrypted, hashed, written and on the disk, with all of it in memory."""
        sealed = AESGCM(self.key).encrypt(os.urandom(12), self.content, None)
        hashlib.sha256(self.content).digest()
        with tempfile.NamedTemporaryFile(dir=self.storage_folder()) as file:
            file.write(sealed)
            file.flush()
            os.fsync(file.fileno())

    async def plain_read(self) -> None:
        """Back from the disk, decrypted and hashed, with all of it in memory."""
        path = self.storage_folder().parent / "plain"
        if not path.exists():
            nonce = os.urandom(12)
            path.write_bytes(nonce + AESGCM(self.key).encrypt(nonce, self.content, None))
        sealed = memoryview(path.read_bytes())
        hashlib.sha256(AESGCM(self.key).decrypt(bytes(sealed[:12]), sealed[12:], None)).digest()

    async def encrypted(self) -> None:
        async for _ in self._sealed(self.pieces()):
            pass

    async def stored(self) -> None:
        sealed = self._sealed(self.pieces())
        await self.storage.put(document_key(self.document_id), aiter(sealed))
        self.kept = sealed.sha256, sealed.size

    async def uploaded(self) -> None:
        """From the bytes of a multipart body to the disk, looked at on the way."""
        limits = Limits(len(self.content) + 1000)
        upload = await read_multipart(self._body(), "multipart/form-data; boundary=XX", limits)
        sniffer = Sniffer(declared_type=upload.declared_type, filename=upload.filename)
        sealed = self._sealed(_sniffed(upload.chunks, sniffer))
        await self.storage.put(document_key(self.document_id), aiter(sealed))

    async def read(self) -> None:
        assert self.kept is not None
        stored = self.storage.get(document_key(self.document_id))
        sha256, size = self.kept
        async for _ in Decrypted(
            stored, self.key, data_key_id=self.key_id, document_id=self.document_id, sha256=sha256, size=size
        ):
            pass

    def storage_folder(self) -> Path:
        assert self.storage.folder is not None
        return self.storage.folder

    def _sealed(self, chunks: AsyncIterator[bytes]) -> Encrypted:
        return Encrypted(chunks, self.key, data_key_id=self.key_id, document_id=self.document_id)

    async def _body(self) -> AsyncIterator[bytes]:
        yield (
            b'--XX\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n'
            b"Content-Type: image/jpeg\r\n\r\n"
        )
        async for piece in self.pieces():
            yield piece
        yield b"\r\n--XX--\r\n"


async def _sniffed(chunks: AsyncIterator[bytes], sniffer: Sniffer) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        sniffer.feed(chunk)
        yield chunk
    sniffer.finish()


def main() -> None:
    given = options(__doc__ or "", rounds=5)
    size = QUICK_BYTES if given.quick else BYTES
    versions = {name: importlib.metadata.version(name) for name in ("cryptography", "obstore")}
    report = Report("write_upload", "A document's way into the storage", versions)
    with tempfile.TemporaryDirectory() as folder:
        way = Way(open_folder(Path(folder) / "documents"), size)
        measured = asyncio.run(_measure(way, given.rounds, _QUICK_TIMES if given.quick else _TIMES))
    _write(report, measured, size)
    with accounts(quick=True) as data, write_api(data, protection__enabled=False) as served:
        sent = asyncio.run(_over_http(served, data, size, 3 if given.quick else UPLOADS))
    _write_http(report, sent, size)
    report.finish(given)


def _sides(way: Way) -> list[Side]:
    plain, hashed, on_disk = "AES-GCM, one call", "and SHA-256", "and on the disk"
    read = "read from the disk, AES-GCM, SHA-256"
    return [
        Side(plain, plain, way.plain),
        Side(hashed, plain, way.plain_hashed),
        Side(on_disk, plain, way.plain_stored),
        Side(read, plain, way.plain_read),
        Side("stream: encrypted and hashed", hashed, way.encrypted),
        Side("stream: stored in a folder", on_disk, way.stored),
        Side(_WHOLE, on_disk, way.uploaded),
        Side("stream: read, checked", read, way.read),
    ]


async def _measure(way: Way, rounds: int, times: int) -> Measured:
    measured = Measured(_sides(way))
    for side in measured.sides:
        await side.run()  # warms up
    for round_ in range(rounds):
        for side in measured.sides if round_ % 2 == 0 else measured.sides[::-1]:
            typical = statistics.median([await _timed(side) for _ in range(times)])
            measured.seconds.setdefault(side.name, []).append(typical)
        note(
            f"round {round_ + 1}: "
            + ", ".join(f"{a} {b[-1] * 1e3:.1f} ms" for a, b in measured.seconds.items())
        )
    return measured


@dataclass(frozen=True, slots=True)
class Sent:
    """Uploads over HTTP: seconds of each, and what the server's memory grew by at most, in bytes."""

    seconds: tuple[float, ...]
    grown: int


async def _over_http(served: Served, data: Accounts, size: int, uploads: int) -> Sent:
    """One after the other, each by another user, after one that is not counted."""
    content = b"\xff\xd8\xff" + os.urandom(size - 5) + b"\xff\xd9"
    seconds: list[float] = []
    before = most = 0
    async with aiohttp.ClientSession(served.url) as session:
        for number, token in enumerate(data.user_tokens(uploads + 1)):
            form = aiohttp.FormData()
            form.add_field("document_type", "passport")
            form.add_field("file", content, filename="passport.jpg", content_type="image/jpeg")
            begun = time.perf_counter()
            sending = asyncio.create_task(
                session.post("/api/v1/kyc/documents", data=form, headers={"authorization": f"Bearer {token}"})
            )
            while not sending.done():
                await asyncio.wait({sending}, timeout=0.005)
                most = max(most, rss_bytes(served.pid))
            async with sending.result() as answer:
                if answer.status != 201:
                    raise RuntimeError(f"the API answered {answer.status}: {await answer.text()}")
            if number == 0:
                before = most = rss_bytes(served.pid)
            else:
                seconds.append(time.perf_counter() - begun)
    return Sent(tuple(seconds), most - before)


def _write_http(report: Report, sent: Sent, size: int) -> None:
    rates = Figures(tuple(size / each / MIB for each in sent.seconds))
    report.say(
        f"## Over HTTP\n\n{len(sent.seconds)} uploads of {size:,} bytes to a running API, session, row-level "
        f"security and audit included: {rates.show()} MiB/s. The processes of the server grew by "
        f"{sent.grown / MIB:.1f} MiB at most while they came."
    )
    report.data["http"] = {"seconds": sent.seconds, "grown_bytes": sent.grown}


async def _timed(side: Side) -> float:
    begun = time.perf_counter()
    await side.run()
    return time.perf_counter() - begun


def _write(report: Report, measured: Measured, size: int) -> None:
    report.say(
        f"{size:,} random bytes in pieces of {_PIECE_BYTES // 1024} KiB. Plain: all of it in memory, one\n"
        "call each. Stream: memory flat, each chunk of 64 KiB sealed by itself, SHA-256 of the plaintext,\n"
        "fsync of file and folder. The last ratio is that to the plain way of doing the same; to AES-GCM\n"
        "alone nothing that also hashes can come nearer than the second line. A round's figure is the\n"
        f"median of {_TIMES} runs (--quick: {_QUICK_TIMES})."
    )
    plain = measured.sides[0].name
    rows = []
    for side in measured.sides:
        rates = Figures(tuple(size / each / MIB for each in measured.seconds[side.name]))
        same = "" if side.base == plain else f"**{measured.ratio(side.name, side.base).show(2)}**"
        rows.append([side.name, rates.show(), measured.ratio(side.name, plain).show(2), same])
    report.table(("", "MiB/s", "to AES-GCM alone", "to the same, plain"), rows)
    whole = measured.ratio(_WHOLE, next(side.base for side in measured.sides if side.name == _WHOLE))
    missed = "" if whole.median >= TARGET else " MISSED"
    report.say(f"Wanted: multipart to disk ≥ {TARGET} of the same, plain{missed}.")
    report.data |= {
        "bytes": size,
        "seconds": measured.seconds,
        "ratios": {side.name: measured.ratio(side.name, side.base) for side in measured.sides},
    }


if __name__ == "__main__":
    main()
