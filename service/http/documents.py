"""Routes of a program's OpenAPI document and of its viewer, which asks no other host for anything."""

import html
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

from litestar import Response, Router, get
from litestar.params import FromPath

from service.http.asgi import Header
from service.http.problems import NotFound

POLICY: tuple[Header, ...] = (
    (
        b"content-security-policy",
        (
            b"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
            b" connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
    ),
)
"""Of the viewer: it asks no other host for anything."""

_VIEWER = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
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


def routes(
    title: str, document: Callable[[], bytes], respond: Callable[[bytes, str], Response[Any]]
) -> Router:
    """/openapi.json and /docs, for a router at /api/v1.

    `respond` makes an answer of a body and its media type, with the headers of `POLICY`.
    """

    @get("/openapi.json", include_in_schema=False)
    async def openapi_document() -> Response[Any]:
        return respond(document(), "application/json")

    @get("/docs", include_in_schema=False)
    async def viewer() -> Response[Any]:
        return respond(_VIEWER.replace("{title}", html.escape(title)).encode(), "text/html; charset=utf-8")

    @get("/docs/{name:str}", include_in_schema=False)
    async def viewer_file(name: FromPath[str]) -> Response[Any]:
        if name == "viewer.js":
            return respond(_START.encode(), "text/javascript; charset=utf-8")
        if name not in _FILES:
            raise NotFound("the viewer has no such file")
        return respond((_folder() / name).read_bytes(), _FILES[name])

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
