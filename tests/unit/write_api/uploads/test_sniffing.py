import io
import tarfile
import zipfile
import zlib
from collections.abc import Sequence
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.streams import cut, cuts
from write_api.uploads.errors import DocumentRefused
from write_api.uploads.sniffing import HEAD_BYTES, JPEG, PDF, PNG, WEBP, Sniffed, Sniffer


def _chunk(kind: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")


def _riff(content: bytes) -> bytes:
    return b"RIFF" + (len(content) + 4).to_bytes(4, "little") + b"WEBP" + content


_PNG = (
    b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", b"\0\0\0\1\0\0\0\1\x08\0\0\0\0")
    + _chunk(b"IDAT", zlib.compress(b"\0\0"))
    + _chunk(b"IEND", b"")
)
_JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0" + b"\xff\xda" + b"\x55" * 300 + b"\xff\xd9"
_WEBP = _riff(b"VP8L\x0e\0\0\0\x2f\0\0\0\0\7\x50\x42\xfd\x0f\xa1\x88\x88\xfe")
_PDF = (
    b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj<</Type/Catalog>>endobj\n"
    + b"x" * 6000
    + b"\nstartxref\n0\n%%EOF\n"
)
_GOOD = {JPEG: _JPEG, PNG: _PNG, WEBP: _WEBP, PDF: _PDF}
_EXTENSION = {JPEG: "jpg", PNG: "png", WEBP: "webp", PDF: "pdf"}
_types = st.sampled_from(sorted(_GOOD))


def _sniff(
    content: bytes, at: Sequence[int] = (), *, declared_type: str = "", filename: str = "a"
) -> Sniffed:
    sniffer = Sniffer(declared_type=declared_type, filename=filename)
    for chunk in cut(content, at):
        sniffer.feed(chunk)
    return sniffer.finish()


def _zip(kind: int = zipfile.ZIP_STORED, comment: bytes = b"") -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", kind) as archive:
        archive.writestr("a.txt", b"hello")
        archive.comment = comment
    return written.getvalue()


def _tar() -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a"), io.BytesIO())
    return written.getvalue()


@given(_types, st.sampled_from(["", "application/octet-stream", "itself"]), st.booleans(), cuts())
def test_document_is_known_by_its_content_however_it_is_cut(
    media_type: str, declared: str, named: bool, at: Sequence[int]
) -> None:
    sniffed = _sniff(
        _GOOD[media_type],
        at,
        declared_type=media_type if declared == "itself" else declared,
        filename=f"A.{_EXTENSION[media_type].upper()}" if named else "A",
    )
    assert sniffed == Sniffed(media_type, len(_GOOD[media_type]))


def test_large_documents_are_known_by_head_and_tail() -> None:
    middle = bytes(3_000_000)
    content = _JPEG[:-2] + middle + _JPEG[-2:]
    assert _sniff(content, range(0, len(content), 65_536)).media_type == JPEG
    assert _sniff(_riff(b"VP8 " + middle)).media_type == WEBP
    assert _sniff(_PDF[:9] + middle + _PDF[9:], range(0, len(middle), 10_000)).media_type == PDF


def test_other_spellings_of_types_and_extensions_are_no_contradiction() -> None:
    assert _sniff(_JPEG, declared_type="image/jpg", filename="a.jpeg").media_type == JPEG
    assert _sniff(_PDF, declared_type="Application/PDF; charset=binary", filename="a.pdf").media_type == PDF


@given(_types, _types)
def test_declared_type_or_extension_of_another_is_refused(media_type: str, other: str) -> None:
    if media_type == other:
        return
    with pytest.raises(DocumentRefused, match="declared type is another"):
        _sniff(_GOOD[media_type], declared_type=other)
    with pytest.raises(DocumentRefused, match="extension of the file name is another"):
        _sniff(_GOOD[media_type], filename=f"x.{_EXTENSION[other]}")


@pytest.mark.parametrize("filename", ["a.exe", "a.pdf.html", "a.svg", "a.zip"])
def test_extension_of_what_is_not_taken_is_refused(filename: str) -> None:
    with pytest.raises(DocumentRefused, match="extension"):
        _sniff(_PDF, filename=filename)


@given(_types, st.data())
def test_document_cut_off_anywhere_is_refused(media_type: str, data: st.DataObject) -> None:
    whole = _GOOD[media_type].rstrip(b"\n")
    with pytest.raises(DocumentRefused):
        _sniff(whole[: data.draw(st.integers(0, len(whole) - 1))])


@given(_types, st.binary(min_size=1, max_size=50), cuts())
def test_anything_behind_the_end_is_refused(media_type: str, behind: bytes, at: Sequence[int]) -> None:
    if not behind.strip(b"\0\t\n\f\r ") or (media_type == JPEG and behind.endswith(b"\xff\xd9")):
        behind += b"!"
    if media_type == PDF and b"%%EOF" in behind:
        behind = b"!"
    with pytest.raises(DocumentRefused):
        _sniff(_GOOD[media_type] + behind, at)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (_zip(), "a ZIP archive"),
        (_zip(zipfile.ZIP_DEFLATED), "a ZIP archive"),
        (zlib.compress(b"a", wbits=31), "a gzip archive"),
        (b"BZh91AY&SY", "a bzip2 archive"),
        (b"\xfd7zXZ\0\0", "an xz archive"),
        (b"7z\xbc\xaf\x27\x1c\0", "a 7z archive"),
        (b"Rar!\x1a\x07\x01\0", "a RAR archive"),
        (_tar(), "a tar archive"),
        (b"<!DOCTYPE html><p>", "HTML"),
        (b'<?xml version="1.0"?><SVG onload="x">', "HTML, SVG"),
        (b"#!/bin/sh\n", "type not known"),
        (b"MZ\x90\0", "type not known"),
        (b"GIF89a", "type not known"),
        (b"\n%PDF-1.4\n%%EOF", "type not known"),
        (b"\0", "type not known"),
    ],
)
def test_what_is_no_document_is_named_and_refused(content: bytes, reason: str) -> None:
    with pytest.raises(DocumentRefused, match=reason) as caught:
        _sniff(content)
    assert "taken are JPEG, PNG and WebP images and PDF documents" in str(caught.value)


_COMMENTED = _JPEG[:20] + b"\xff\xfe\0\x40%b" + _JPEG[20:]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (_JPEG[:-2] + _zip(comment=b"\xff\xd9"), "archive"),
        (_JPEG[:-2] + bytes(HEAD_BYTES) + _zip(comment=bytes(65_000) + b"\xff\xd9"), "ends as a ZIP"),
        (_riff(b"VP8 " + bytes(9000) + _zip()), "ends as a ZIP"),
        (_PDF + _zip(comment=b"\n%%EOF"), "ends as a ZIP"),
        (_PDF[:9] + _zip() + _PDF[9:], "an archive as well"),
        (b"\xff\xd8\xff" + _tar()[3:] + b"\xff\xd9", "an archive as well"),
        (_COMMENTED % b"%PDF-1.7", "a PDF as well"),
        (_PNG[:8] + _chunk(b"tEXt", b"%PDF-1.4") + _PNG[8:], "a PDF as well"),
        (_COMMENTED % b"<ScRiPt>alert(1)</script>", "HTML or a script"),
        (_riff(b"VP8 <html>"), "HTML or a script"),
        (_PDF[:9] + b"<!doctype html>" + _PDF[9:], "HTML or a script"),
        (_COMMENTED % b"<?php system($_GET[0]);", "HTML or a script"),
    ],
)
def test_file_that_is_two_things_at_once_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(DocumentRefused, match=reason):
        _sniff(content)


@given(
    st.sampled_from([b"/JavaScript", b"/Launch", b"/EmbeddedFile", b"/EmbeddedFiles", b"/J#61vaScrip#74", b"/#4caunch",
                     b"/#4Caunch"]),
    st.integers(9, len(_PDF) - 7),
    cuts(40),
)  # fmt: skip
def test_pdf_with_active_content_is_refused_wherever_it_is_and_however_it_is_cut(
    marker: bytes, where: int, at: Sequence[int]
) -> None:
    content = _PDF[:where] + marker + _PDF[where:]
    places = [*at, *range(where - 2, where + len(marker) + 2, 3)]
    with pytest.raises(
        DocumentRefused, match=r"active or attached content \((JavaScript|Launch|EmbeddedFile)\)"
    ):
        _sniff(content, places)


def test_the_same_names_mean_nothing_in_an_image() -> None:
    assert _sniff(_JPEG[:-2] + b"/JavaScript" + _JPEG[-2:]).media_type == JPEG


def test_wrong_beginning_is_refused_before_the_rest_has_come() -> None:
    sniffer = Sniffer(declared_type="", filename="a.pdf")
    sniffer.feed(bytes(HEAD_BYTES - 1))
    with pytest.raises(DocumentRefused):
        sniffer.feed(b"\0")


@given(st.binary(max_size=400), st.sampled_from([b"", *(each[:12] for each in _GOOD.values())]), cuts())
def test_any_bytes_are_known_or_refused(content: bytes, head: bytes, at: Sequence[int]) -> None:
    with suppress(DocumentRefused):
        assert _sniff(head + content, at).size == len(head + content)
