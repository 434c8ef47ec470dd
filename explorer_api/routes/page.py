"""The page at /: plain files that read the public API, with a policy that lets them reach nothing else."""

from importlib.resources import files

from litestar import Router, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from explorer_api.answer import Answer, AnswerResponse, Lifetime
from service.http.problems import UnknownRoute

POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def routes() -> Router:
    answers = {
        file.name: _answer(file.name, file.read_bytes())
        for file in (files("explorer_api") / "page").iterdir()
    }

    @get("/", include_in_schema=False, any_parameters=True)
    async def page() -> AnswerResponse:
        return AnswerResponse(answers["index.html"])

    @get("/page/{name:str}", include_in_schema=False)
    async def page_file(name: FromPath[str]) -> AnswerResponse:
        answer = answers.get(name)
        if answer is None:
            raise UnknownRoute("the page has no such file")
        return AnswerResponse(answer)

    handlers: list[HTTPRouteHandler] = [page, page_file]
    return Router("/", route_handlers=handlers)


def _answer(name: str, body: bytes) -> Answer:
    """Asked for again each time, and told that it is the same: a new version is seen at once."""
    return Answer(
        body=body,
        sequence=0,
        lifetime=Lifetime.LIVE,
        ttl_s=0,
        media_type=_MEDIA_TYPES[name[name.rindex(".") :]],
        headers=((b"content-security-policy", POLICY),),
    )
