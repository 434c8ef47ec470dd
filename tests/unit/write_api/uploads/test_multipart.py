from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

import pytest
from aiohttp import FormData
from aiohttp.abc import AbstractStreamWriter
from hypothesis import given
from hypothesis import strategies as st

from tests.streams import cut, cuts, joined, streamed
from write_api.uploads.errors import UploadError, UploadMalformed, UploadTooLarge
from write_api.uploads.multipart import Limits, read_multipart

_LIMITS = Limits(body_bytes_max=1_000_000)
_TYPE = "multipart/form-data; boundary=XX"


class _Wire(AbstractStreamWriter):
    """What aiohttp's client would send."""

    def __init__(self) -> None:
        self.sent = b""

    async def write(self, chunk: bytes | bytearray | memoryview) -> None:
        self.sent += chunk

    async def write_eof(self, chunk: bytes = b"") -> None:
        self.sent += chunk

    async def drain(self) -> None: ...

    def enable_compression(self, *args: object, **kwargs: object) -> None: ...

    def enable_chunking(self) -> None: ...

    async def write_headers(self, *args: object) -> None: ...


async def _sent(form: FormData) -> tuple[bytes, str]:
    payload, wire = form(), _Wire()
    await payload.write(wire)
    return wire.sent, payload.headers["Content-Type"]


async def _read(
    body: bytes, content_type: str = _TYPE, at: Sequence[int] = (), limits: Limits = _LIMITS
) -> tuple[str, str, bytes, dict[str, str]]:
    upload = await read_multipart(streamed(cut(body, at)), content_type, limits)
    content = await joined(upload.chunks)
    return upload.filename, upload.declared_type, content, dict(upload.fields)


def _part(name: str, content: bytes, more: str = "", *headers: str) -> bytes:
    head = [f'Content-Disposition: form-data; name="{name}"{more}', *headers]
    return b"--XX\r\n" + "\r\n".join(head).encode() + b"\r\n\r\n" + content + b"\r\n"


_END = b"--XX--\r\n"
_FILE = _part("file", b"content", '; filename="a.pdf"', "Content-Type: application/pdf")


@given(
    st.one_of(st.binary(max_size=2000), st.text("\r\n-X", max_size=60).map(str.encode)),
    st.dictionaries(
        st.text("abc", min_size=1, max_size=4), st.text(st.characters(exclude_characters="\0")), max_size=4
    ),
    cuts(30),
)
async def test_form_of_a_real_client_is_read_however_it_is_cut(
    content: bytes, fields: dict[str, str], at: Sequence[int]
) -> None:
    form = FormData(quote_fields=False)
    for number, (name, value) in enumerate(fields.items()):
        if number == 1:
            form.add_field("file", content, filename="Paß.pdf", content_type="application/pdf")
        form.add_field(name, value)
    if len(fields) < 2:
        form.add_field("file", content, filename="Paß.pdf", content_type="application/pdf")
    if not fields:
        form.add_field("last", "1")  # aiohttp sends a lone file as a form too, but only when told
    body, content_type = await _sent(form)
    filename, declared_type, read, found = await _read(body, content_type, at)
    assert (filename, declared_type, read) == ("Paß.pdf", "application/pdf", content)
    assert found == (fields or {"last": "1"})


@given(cuts(60))
async def test_every_cut_of_a_body_full_of_near_boundaries_reads_the_same(at: Sequence[int]) -> None:
    content = b"\r\n--X\r\n--\r\n\r\n--XY\r\n-\r\n--X"
    body = _part("note", b"\r\n--X") + _part("file", content, '; filename="a"') + _END
    assert await _read(body, at=at) == ("a", "", content, {"note": "\r\n--X"})


async def test_body_of_single_bytes_reads_the_same() -> None:
    body = _part("a", b"1") + _FILE + _part("b", b"2") + _END
    assert await _read(body, at=range(len(body))) == (
        "a.pdf",
        "application/pdf",
        b"content",
        {"a": "1", "b": "2"},
    )


@given(st.integers(0, len(_part("a", b"1") + _FILE + b"--XX-") - 1), cuts())
async def test_body_that_ends_early_is_refused(end: int, at: Sequence[int]) -> None:
    body = (_part("a", b"1") + _FILE + _END)[:end]
    with pytest.raises(UploadMalformed):
        await _read(body, at=at)


@given(st.binary(max_size=300), st.integers(0, 300), cuts())
async def test_garbled_form_is_read_or_refused_but_never_fails(
    garbage: bytes, where: int, at: Sequence[int]
) -> None:
    body = _part("a", b"1") + _FILE + _END
    with suppress(UploadError):
        assert (await _read(body[:where] + garbage + body[where:], at=at))[0]


_PLAIN = '; filename="a"'


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (_part("a", b"1") + _END, "no file in the field file"),
        (_END, "no file|malformed"),
        (b"", "closing boundary"),
        (b"hello", "malformed"),
        (_FILE + _FILE + _END, "more than one file"),
        (_part("other", b"", _PLAIN) + _END, "must be in the field file"),
        (_part("a", b"1") + _part("a", b"2") + _FILE + _END, "a field is there twice"),
        (_part("a", b"\xff") + _FILE + _END, "not UTF-8"),
        (_part("a", b"\0") + _FILE + _END, "zero byte"),
        (_part("", b"1") + _FILE + _END, "1 to 128 bytes"),
        (_part("n" * 129, b"1") + _FILE + _END, "1 to 128 bytes"),
        (b"--XX\r\nContent-Disposition: attachment; name=a\r\n\r\n1\r\n" + _END, "form-data with a name"),
        (b"--XX\r\n\r\n1\r\n" + _END, "form-data with a name"),
        (_part("file", b"", _PLAIN, "Content-Transfer-Encoding: base64") + _END, "Content-Transfer-Encoding"),
        (_part("file", b"", _PLAIN, "A: 1", "a: 2") + _END, "same header twice"),
        (_part("file", b"", _PLAIN, "A: " + "b" * 5000) + _END, "[Hh]eader"),
        (_part("file", b"", _PLAIN, *(f"A{n}: 1" for n in range(9))) + _END, "[Hh]eader"),
    ],
)
async def test_form_that_is_not_one_file_and_its_fields_is_refused(body: bytes, fault: str) -> None:
    with pytest.raises(UploadMalformed, match=fault):
        await _read(body)


@pytest.mark.parametrize(
    ("body", "limits", "fault"),
    [
        (b"".join(_part(f"f{n}", b"") for n in range(17)) + _FILE + _END, _LIMITS, "at most 16 are"),
        (_part("a", b"x" * 4097) + _FILE + _END, _LIMITS, "at most 4,096 are"),
        (_FILE + _END, Limits(len(_FILE)), "more bytes than allowed"),
        (_part("file", bytes(2_000_000), _PLAIN) + _END, _LIMITS, "at most 1,000,000 are"),
    ],
)
async def test_more_than_is_allowed_is_refused(body: bytes, limits: Limits, fault: str) -> None:
    with pytest.raises(UploadTooLarge, match=fault):
        await _read(body, limits=limits)


async def test_bounds_are_inclusive() -> None:
    body = b"".join(_part(f"f{n}", b"x" * 4096) for n in range(16)) + _FILE + _END
    assert len((await _read(body, limits=Limits(len(body))))[3]) == 16


async def test_body_without_end_is_refused_before_it_is_read_on() -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        yield b"--XX\r\nContent-Disposition: form-data; name=file; filename=a\r\n\r\n"
        while True:
            taken += 1
            yield bytes(100_000)

    upload = await read_multipart(endless(), _TYPE, _LIMITS)
    sizes: list[int] = []

    async def read_on() -> None:
        async for chunk in upload.chunks:
            sizes.append(len(chunk))  # noqa: PERF401  kept when it breaks

    with pytest.raises(UploadTooLarge):
        await read_on()
    assert taken == 10
    assert max(sizes) <= 70_000
    assert sum(sizes) <= 1_000_000


@pytest.mark.parametrize(
    "content_type",
    ["", "application/json", "multipart/form-data", "multipart/form-data; boundary=", "multipart/mixed; boundary=XX",
     "multipart/form-data; boundary=" + "x" * 71, 'multipart/form-data; boundary="a\rb"'],
)  # fmt: skip
async def test_other_content_type_is_refused(content_type: str) -> None:
    with pytest.raises(UploadMalformed, match="must be multipart/form-data with a boundary"):
        await _read(_FILE + _END, content_type)


async def test_file_is_handed_on_while_it_arrives() -> None:
    arrived = []

    async def body() -> AsyncIterator[bytes]:
        for piece in (_part("a", b"1"), _FILE[:-9], b"more", b"\r\n", _END):
            arrived.append(piece)
            yield piece

    upload = await read_multipart(body(), _TYPE, _LIMITS)
    assert len(arrived) == 2
    assert upload.fields == {"a": "1"}
    assert (await joined(upload.chunks)).endswith(b"more")
