"""/api/v1/network."""

from litestar import Router

from explorer_api.reading import Explorer


def routes(explorer: Explorer) -> Router:
    _ = explorer
    return Router("/network", route_handlers=[], tags=["network"])
