"""GET /api."""

from litestar import Router

from explorer_api.reading import Explorer


def routes(explorer: Explorer) -> Router:
    _ = explorer
    return Router("/api", route_handlers=[], tags=["etherscan"])
