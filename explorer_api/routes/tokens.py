"""/api/v1/tokens."""

from litestar import Router

from explorer_api.reading import Explorer


def routes(explorer: Explorer) -> Router:
    _ = explorer
    return Router("/tokens", route_handlers=[], tags=["tokens"])
