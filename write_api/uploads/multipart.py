"""An uploaded file and the fields beside it, read as a stream; memory does not grow with the file."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from write_api.uploads.errors import UploadMalformed, UploadTooLarge

_PIECE_BYTES = 64 * 1024
_HEADERS_MAX, _HEADER_BYTES_MAX, _NAME_BYTES_MAX = 8, 4096, 128
_BOUNDARY = re.compile(rb"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_PLAIN_ENCODINGS = frozenset({"", "7bit", "8bit", "binary"})


@dataclass(frozen=True, slots=True)
class Limits:
    """What one upload may hold; the bytes count everything that is sent."""

    body_bytes_max: int
    fields_max: int = 16
    field_bytes_max: int = 4096


@dataclass(frozen=True, slots=True)
class Upload:
    """One file; `fields` is complete once `chunks` has ended, and holds before it those sent before."""

    filename: str
    declared_type: str
    chunks: AsyncIterator[bytes]
    fields: Mapping[str, str] = field(default_factory=dict)


async def read_multipart(
    body: AsyncIterator[bytes], content_type: str, limits: Limits, *, file_field: str = "file"
) -> Upload:
    """A multipart/form-data body, read up to the first bytes of its one file.

    Raises `UploadMalformed` or `UploadTooLarge`, here or while `chunks` are read.
    """
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not _BOUNDARY.fullmatch(boundary):
        raise UploadMalformed("the content type must be multipart/form-data with a boundary (RFC 2046)")
    form = _Form(boundary, limits, file_field)
    pieces = _bounded(body, limits.body_bytes_max)
    while form.file is None:
        try:
            form.take(await anext(pieces))
        except StopAsyncIteration:
            form.check_ended()
            raise UploadMalformed(f"there is no file in the field {file_field}") from None
    filename, declared_type = form.file
    return Upload(filename, declared_type, _file(form, pieces), form.fields)


async def _file(form: "_Form", pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    while True:
        if content := form.given():
            yield content
        try:
            form.take(await anext(pieces))
        except StopAsyncIteration:
            break
    form.check_ended()


async def _bounded(body: AsyncIterator[bytes], bytes_max: int) -> AsyncIterator[bytes]:
    """Pieces of bounded size; `UploadTooLarge` before the first byte too many is handed on."""
    size = 0
    async for chunk in body:
        size += len(chunk)
        if size > bytes_max:
            raise UploadTooLarge("the upload has more bytes than allowed", bytes_max)
        for at in range(0, len(chunk), _PIECE_BYTES):
            yield bytes(chunk[at : at + _PIECE_BYTES])
            await asyncio.sleep(0)  # others go on, however slow a hostile piece is to read


class _Form:
    """The state between the pieces of one form."""

    def __init__(self, boundary: bytes, limits: Limits, file_field: str) -> None:
        self.fields: dict[str, str] = {}
        self.file: tuple[str, str] | None = None
        self._limits, self._file_field = limits, file_field
        self._content, self._value = list[bytes](), bytearray()
        self._header_name, self._header_value = bytearray(), bytearray()
        self._headers: dict[str, str] = {}
        self._name: str | None = None  # of the field being read; None inside the file
        self._ended = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._part_begins,
                "on_header_field": _adding(self._header_name),
                "on_header_value": _adding(self._header_value),
                "on_header_end": self._header_ends,
                "on_headers_finished": self._headers_end,
                "on_part_data": self._part_data,
                "on_part_end": self._part_ends,
                "on_end": self._ends,
            },
            max_header_count=_HEADERS_MAX,
            max_header_size=_HEADER_BYTES_MAX,
        )

    def take(self, piece: bytes) -> None:
        try:
            self._parser.write(piece)
        except FormParserError as error:
            raise UploadMalformed(f"the multipart form is malformed: {_without_content(error)}") from error

    def given(self) -> bytes:
        """The bytes of the file since it was last asked."""
        content = self._content[0] if len(self._content) == 1 else b"".join(self._content)
        self._content.clear()
        return content

    def check_ended(self) -> None:
        if not self._ended:
            raise UploadMalformed("the multipart form ends before its closing boundary")

    def _part_begins(self) -> None:
        self._headers.clear()
        self._header_name.clear()
        self._header_value.clear()

    def _header_ends(self) -> None:
        name = self._header_name.decode("latin-1").lower()
        if name in self._headers:
            raise UploadMalformed("a part has the same header twice")
        self._headers[name] = self._header_value.decode("latin-1")
        self._header_name.clear()
        self._header_value.clear()

    def _headers_end(self) -> None:
        kind, options = parse_options_header(self._headers.get("content-disposition"))
        if kind != b"form-data" or b"name" not in options:
            raise UploadMalformed("each part needs Content-Disposition: form-data with a name")
        if self._headers.get("content-transfer-encoding", "").strip().lower() not in _PLAIN_ENCODINGS:
            raise UploadMalformed("a part must be sent as it is, without Content-Transfer-Encoding")
        name = _text(options[b"name"], "the name of a field")
        if not 1 <= len(options[b"name"]) <= _NAME_BYTES_MAX:
            raise UploadMalformed(f"the name of a field must have 1 to {_NAME_BYTES_MAX} bytes")
        if b"filename" in options:
            self._file_begins(name, _text(options[b"filename"], "the file name"))
        else:
            self._field_begins(name)

    def _file_begins(self, name: str, filename: str) -> None:
        if self.file is not None:
            raise UploadMalformed("there is more than one file")
        if name != self._file_field:
            raise UploadMalformed(f"the file must be in the field {self._file_field}")
        self.file = filename, self._headers.get("content-type", "").strip()
        self._name = None

    def _field_begins(self, name: str) -> None:
        if name in self.fields:
            raise UploadMalformed("a field is there twice")
        if len(self.fields) == self._limits.fields_max:
            raise UploadTooLarge("there are more fields than allowed", self._limits.fields_max)
        self._name, self.fields[name] = name, ""
        self._value.clear()

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._name is None:
            self._content.append(data[start:end])
            return
        self._value += data[start:end]
        if len(self._value) > self._limits.field_bytes_max:
            raise UploadTooLarge("a field has more bytes than allowed", self._limits.field_bytes_max)

    def _part_ends(self) -> None:
        if self._name is not None:
            if b"\0" in self._value:
                raise UploadMalformed("a field holds a zero byte")
            self.fields[self._name] = _text(bytes(self._value), "a field")

    def _ends(self) -> None:
        self._ended = True


def _adding(buffer: bytearray) -> Callable[[bytes, int, int], None]:
    def add(data: bytes, start: int, end: int) -> None:
        buffer.extend(memoryview(data)[start:end])

    return add


def _text(given: bytes, what: str) -> str:
    try:
        text = given.decode()
    except UnicodeDecodeError:
        raise UploadMalformed(f"{what} is not UTF-8") from None
    return text


def _without_content(error: FormParserError) -> str:
    """The parser's words for what was wrong, as far as they quote nothing."""
    return str(error).partition("(found")[0].strip()
