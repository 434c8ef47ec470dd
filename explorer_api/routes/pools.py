"""/api/v1/pools."""

from litestar import Router

from explorer_api.reading import Explorer


def routes(explorer: Explorer) -> Router:
    _ = explorer
    return Router("/pools", route_handlers=[], tags=["pools"])
