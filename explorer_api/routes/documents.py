"""/api/v1/openapi.json and its viewer at /api/v1/docs, which asks no other host for anything."""

import importlib.util
from pathlib import Path

from litestar import Router, get
from litestar.params import FromPath

from explorer_api import openapi
from explorer_api.answer import Answer, AnswerResponse, Lifetime
from explorer_api.asgi import Header
from explorer_api.problems import NotFound
from explorer_api.reading import Explorer

_POLICY: tuple[Header, ...] = (
    (
        b"content-security-policy",
        (
            b"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
            b" connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
    ),
)
_VIEWER = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Pend explorer: API</title>
<link rel="stylesheet" href="/api/v1/docs/swagger-ui.css">
</head>
<body>
<div id="viewer"></div>
<script src="/api/v1/docs/swagger-ui-bundle.js"></script>
<script src="/api/v1/docs/viewer.js"></script>
</body>
</html>
"""
_START = """SwaggerUIBundle({ url: "/api/v1/openapi.json", dom_id: "#viewer", deepLinking: true });
"""


def routes(explorer: Explorer) -> Router:
    def static(body: bytes, media_type: str) -> AnswerResponse:
        answer = Answer(
            body, 0, Lifetime.LIVE, explorer.settings.cache.static_s, media_type=media_type, headers=_POLICY
        )
        return AnswerResponse(answer)

    @get("/openapi.json", include_in_schema=False)
    async def openapi_document() -> AnswerResponse:
        return static(openapi.FILE.read_bytes(), "application/json")

    @get("/docs", include_in_schema=False)
    async def viewer() -> AnswerResponse:
        return static(_VIEWER.encode(), "text/html; charset=utf-8")

    @get("/docs/{name:str}", include_in_schema=False)
    async def viewer_file(name: FromPath[str]) -> AnswerResponse:
        if name == "viewer.js":
            return static(_START.encode(), "text/javascript; charset=utf-8")
        if name not in _FILES:
            raise NotFound("the viewer has no such file")
        return static((_folder() / name).read_bytes(), _FILES[name])

    return Router("/", route_handlers=[openapi_document, viewer, viewer_file])


_FILES = {
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
}


def _folder() -> Path:
    """The files of the package swagger-ui-py, which is not imported."""
    spec = importlib.util.find_spec("swagger_ui")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "static"
