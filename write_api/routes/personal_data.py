"""/api/v1/users/me/export and erasure-request: what is kept of a person is given out, or erased."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import msgspec
from litestar import Request, Router, get, post
from litestar.openapi.datastructures import ResponseSpec

from postgres.errors import UniqueConflict
from service.http.problems import NotFound
from write_api.acting import USER, Act, Row, queries
from write_api.answer import Answer, answer
from write_api.answers.personal_data import ErasureRequest, Kept, PersonalData
from write_api.desk import Desk
from write_api.exported_rows import SECTIONS, Opened, Section, profile
from write_api.limiting import STRICT
from write_api.problems import Conflicting

_ROWS = 500
_NOT_INCLUDED = [
    "The number of your phone, tokens and keys: only hashes and wrapped keys of them are kept.",
    "The content of documents: download each by its id.",
    "Notes and messages among reviewers, and security events: they protect others.",
]
_KEPT = [
    Kept(
        "Investments, transactions and signed agreements",
        "Accounting and tax law asks for records of payments and contracts.",
    ),
    Kept(
        "That an identity was verified or rejected, when and by whom",
        "The law against money laundering asks for proof of the decision, not for the documents.",
    ),
    Kept(
        "The audit trail, with fingerprints in place of personal values",
        "It proves who did what; a trail that could be changed would prove nothing.",
    ),
    Kept("The address of the wallet", "It is public on the chain, and payments name it."),
]


def routes(desk: Desk) -> Router:
    @get(
        "/export",
        summary="All personal data that is kept of you",
        operation_id="exportPersonalData",
        responses={200: ResponseSpec(PersonalData, description="Everything, opened; streamed")},
        opt={"actor": USER, "limit": STRICT},
    )
    async def export_personal_data(request: Request[Any, Any, Any]) -> Answer:
        async def begin(act: Act) -> bytes:
            row = await act.one(queries.export_profile, act.me)
            assert row is not None, "who acts is there"
            await act.audit("export", "users", act.me)
            shown = profile(Opened(row, await act.key_of(act.me)))
            head = {"exported_at": datetime.now(UTC), "not_included": _NOT_INCLUDED, "profile": shown}
            return msgspec.json.encode(head)[:-1]

        head = await desk.office.run(request, begin)
        filename = b'attachment; filename="pend-personal-data.json"'
        return Answer(headers_=((b"content-disposition", filename),), chunks=_chunks(desk, request, head))

    @post(
        "/erasure-request",
        summary="Ask to be erased",
        operation_id="requestErasure",
        responses={201: ResponseSpec(ErasureRequest, description="Asked; administrators decide")},
        opt={"actor": USER, "limit": STRICT},
    )
    async def request_erasure(request: Request[Any, Any, Any]) -> Answer:
        async def ask(act: Act) -> Answer:
            try:
                row = await act.one(queries.insert_erasure_request, act.me)
            except UniqueConflict as error:
                raise Conflicting(
                    "you asked for this before; read the request to see how it stands",
                    rule="erasure_requests_once",
                ) from error
            assert row is not None
            act.announce("erasure:requested", "admins", id=str(row["id"]), user_id=str(act.me))
            return answer(_erasure(row), status=201, location="/api/v1/users/me/erasure-request")

        return await desk.office.write(request, ask)

    @get(
        "/erasure-request",
        summary="How your erasure stands",
        operation_id="getErasureRequest",
        responses={200: ResponseSpec(ErasureRequest, description="The request")},
        opt={"actor": USER},
    )
    async def get_erasure_request(request: Request[Any, Any, Any]) -> Answer:
        async def read(act: Act) -> Answer:
            row = await act.one(queries.select_erasure_request, act.me)
            if row is None:
                raise NotFound("you did not ask for erasure")
            return answer(_erasure(row))

        return await desk.office.run(request, read)

    return Router(
        "/users/me",
        route_handlers=[export_personal_data, request_erasure, get_erasure_request],
        tags=["users"],
    )


async def _chunks(desk: Desk, request: Request[Any, Any, Any], head: bytes) -> AsyncIterator[bytes]:
    """The lists, some rows at a time, each in a transaction of its own: nothing is whole in memory."""
    yield head
    for section in SECTIONS:
        yield b',"%s":[' % section.name.encode()
        separator, at, id_ = b"", None, None
        while True:
            rows, shown = await _read(desk, request, section, at, id_)
            if shown:
                yield separator + b",".join(shown)
            if len(rows) < _ROWS:
                break
            separator, at, id_ = b",", rows[-1]["at"], rows[-1]["id"]
        yield b"]"
    yield b"}"


async def _read(
    desk: Desk, request: Request[Any, Any, Any], section: Section, at: datetime | None, id_: object
) -> tuple[list[Row], list[bytes]]:
    async def read(act: Act) -> tuple[list[Row], list[bytes]]:
        rows = await act.many(section.query, act.me, _ROWS, at, id_)
        key = await act.key_of(act.me)
        return rows, [msgspec.json.encode(section.shape(Opened(row, key))) for row in rows]

    return await desk.office.run(request, read)


def _erasure(row: Row) -> ErasureRequest:
    return ErasureRequest(row["id"], row["requested_at"], row["erased_at"], _KEPT)
