"""/ping and the probes."""

from litestar import MediaType, Router, get


def routes() -> Router:
    @get("/ping", media_type=MediaType.TEXT, include_in_schema=False)
    async def ping() -> str:
        return "pong"

    return Router("/", route_handlers=[ping])
