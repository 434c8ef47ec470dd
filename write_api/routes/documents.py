"""/api/v1/openapi.json, its viewer, and the keys that access tokens are verified with."""

from functools import cache

import msgspec
from litestar import Router, get

from service.http import documents
from write_api.acting import ANYONE
from write_api.answer import Answer
from write_api.credentials.signing_keys import SigningKeys
from write_api.openapi import FILE


def routes(keys: SigningKeys) -> Router:
    @get("/jwks.json", include_in_schema=False)
    async def jwks() -> Answer:
        return Answer(msgspec.json.encode(keys.public_jwks()))

    viewer = documents.routes("Pend write API", _document, _respond)
    return Router("/", route_handlers=[viewer, jwks], opt={"actor": ANYONE})


@cache
def _document() -> bytes:
    return FILE.read_bytes()


def _respond(body: bytes, media_type: str) -> Answer:
    return Answer(body, media_type_=media_type, headers_=documents.POLICY)
