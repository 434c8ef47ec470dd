"""/api/v1/search."""

from litestar import Router

from explorer_api.reading import Explorer


def routes(explorer: Explorer) -> Router:
    _ = explorer
    return Router("/search", route_handlers=[], tags=["search"])
