"""/api/v1/export."""

from litestar import Router

from explorer_api.reading import Explorer


def routes(explorer: Explorer) -> Router:
    _ = explorer
    return Router("/export", route_handlers=[], tags=["export"])
