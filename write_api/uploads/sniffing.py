"""PURE: what a file is by its content alone; what only looks like a document is refused.

Looked at while it streams: its first 4 KiB, its last 66 KiB (a ZIP directory may end so far from the end),
and, in a PDF, names of active content. Nothing is decoded.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from write_api.uploads.errors import DocumentRefused
from write_api.uploads.filenames import extension
from write_api.uploads.pdf_markers import PdfMarkers

JPEG, PNG, WEBP, PDF = "image/jpeg", "image/png", "image/webp", "application/pdf"
HEAD_BYTES, TAIL_BYTES = 4 * 1024, 66 * 1024
EXTENSIONS: Mapping[str, frozenset[str]] = {
    JPEG: frozenset({"jpg", "jpeg", "jpe", "jfif"}),
    PNG: frozenset({"png"}),
    WEBP: frozenset({"webp"}),
    PDF: frozenset({"pdf"}),
}
_ALIASES = {"image/jpg": JPEG, "image/pjpeg": JPEG, "image/x-png": PNG, "application/x-pdf": PDF}
_NAMES = {JPEG: "JPEG image", PNG: "PNG image", WEBP: "WebP image", PDF: "PDF"}
_UNDECLARED = frozenset({"", "application/octet-stream"})
_PNG_BEGIN, _PNG_END = b"\x89PNG\r\n\x1a\n", b"\0\0\0\0IEND\xaeB`\x82"
_PDF_BEGIN = re.compile(rb"%PDF-[12]\.[0-9]")
_ARCHIVES = {
    b"PK\3\4": "a ZIP archive",
    b"PK\5\6": "a ZIP archive",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ\0": "an xz archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!\x1a\x07": "a RAR archive",
    b"\x28\xb5\x2f\xfd": "a zstd archive",
}
_ZIP_PARTS = (b"PK\3\4", b"PK\5\6", b"PK\6\6", b"PK\6\7")
_MARKUP = re.compile(rb"<(?:!doctype|html|head|body|script|iframe|svg|\?php)", re.IGNORECASE)
_TAR_AT, _TAR = 257, b"ustar"
_PDF_END, _PDF_END_WITHIN = b"%%EOF", 1024


@dataclass(frozen=True, slots=True)
class Sniffed:
    """The type that the content proves, and how many bytes it had."""

    media_type: str
    size: int


class Sniffer:
    """Fed with the chunks as they pass; refuses at the head what can be refused there."""

    def __init__(self, *, declared_type: str, filename: str) -> None:
        self._declared, self._extension = declared_type, extension(filename)
        self._head, self._tail, self._size = bytearray(), bytearray(), 0
        self._markers = PdfMarkers()
        self._media_type: str | None = None

    def feed(self, chunk: bytes) -> None:
        """Look at `chunk`; raises `DocumentRefused`."""
        self._size += len(chunk)
        if self._media_type in (None, PDF):
            self._markers.feed(chunk)
        self._tail += chunk[-TAIL_BYTES:]
        if len(self._tail) > 2 * TAIL_BYTES:
            del self._tail[:-TAIL_BYTES]
        if self._media_type is None:
            self._head += chunk[: HEAD_BYTES - len(self._head)]
            if len(self._head) < HEAD_BYTES:
                return
            self._media_type = self._type_of_head()
        self._refuse_active_content(self._media_type)

    def finish(self) -> Sniffed:
        """The type, of a file that is whole and nothing else; raises `DocumentRefused`."""
        if self._size == 0:
            raise DocumentRefused("the file is empty")
        media_type = self._media_type or self._type_of_head()
        self._refuse_active_content(media_type)
        tail = bytes(self._tail[-TAIL_BYTES:])
        if any(part in tail for part in _ZIP_PARTS):
            raise DocumentRefused(f"the {_NAMES[media_type]} ends as a ZIP archive")
        if fault := _end_fault(media_type, bytes(self._head), tail, self._size):
            raise DocumentRefused(f"the {_NAMES[media_type]} {fault}")
        return Sniffed(media_type, self._size)

    def _type_of_head(self) -> str:
        head = bytes(self._head)
        media_type = _by_magic(head)
        if media_type is None:
            raise DocumentRefused(f"the content is {_what_else(head)}")
        name = _NAMES[media_type]
        declared = self._declared.partition(";")[0].strip().lower()
        if declared not in _UNDECLARED and _ALIASES.get(declared, declared) != media_type:
            raise DocumentRefused(f"the content is a {name} and the declared type is another")
        if self._extension and self._extension not in EXTENSIONS[media_type]:
            raise DocumentRefused(f"the content is a {name} and the extension of the file name is another")
        if _MARKUP.search(head):
            raise DocumentRefused(f"the {name} holds HTML or a script")
        if any(part in head for part in _ZIP_PARTS) or head[_TAR_AT:].startswith(_TAR):
            raise DocumentRefused(f"the {name} is an archive as well")
        if media_type != PDF and b"%PDF-" in head:
            raise DocumentRefused(f"the {name} is a PDF as well")
        return media_type

    def _refuse_active_content(self, media_type: str) -> None:
        if media_type == PDF and self._markers.found is not None:
            raise DocumentRefused(f"the PDF holds active or attached content ({self._markers.found})")


def _by_magic(head: bytes) -> str | None:
    if head.startswith(b"\xff\xd8\xff"):
        return JPEG
    if head.startswith(_PNG_BEGIN):
        return PNG
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return WEBP
    return PDF if _PDF_BEGIN.match(head) else None


def _what_else(head: bytes) -> str:
    for magic, name in _ARCHIVES.items():
        if head.startswith(magic):
            return name
    if head[_TAR_AT:].startswith(_TAR):
        return "a tar archive"
    return "HTML, SVG or a script" if _MARKUP.search(head) else "of a type not known here"


def _end_fault(media_type: str, head: bytes, tail: bytes, size: int) -> str | None:
    """What is wrong at the end: cut off, or followed by something else."""
    if media_type == WEBP:
        declared = int.from_bytes(head[4:8], "little") + 8
        if declared > size:
            return "is cut off"
        return "is followed by other content" if declared < size else None
    if media_type == PDF:
        _, mark, after = tail[-_PDF_END_WITHIN:].rpartition(_PDF_END)
        if not mark:
            return "is cut off, or followed by other content"
        return "is followed by other content" if after.strip(b"\0\t\n\f\r ") else None
    whole = tail.endswith(b"\xff\xd9" if media_type == JPEG else _PNG_END)
    return None if whole else "is cut off, or followed by other content"
