"""/api/v1/openapi.json and its viewer at /api/v1/docs."""

from litestar import Router

from explorer_api.answer import Answer, AnswerResponse, Lifetime
from explorer_api.openapi import FILE
from explorer_api.reading import Explorer
from service.http import documents


def routes(explorer: Explorer) -> Router:
    def respond(body: bytes, media_type: str) -> AnswerResponse:
        kept_s = explorer.settings.cache.static_s
        answer = Answer(body, 0, Lifetime.LIVE, kept_s, media_type=media_type, headers=documents.POLICY)
        return AnswerResponse(answer)

    return documents.routes("Pend explorer: API", FILE.read_bytes, respond)
