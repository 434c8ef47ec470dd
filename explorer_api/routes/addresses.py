"""/api/v1/addresses."""

from litestar import Router

from explorer_api.reading import Explorer


def routes(explorer: Explorer) -> Router:
    _ = explorer
    return Router("/addresses", route_handlers=[], tags=["addresses"])
