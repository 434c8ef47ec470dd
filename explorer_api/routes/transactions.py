"""/api/v1/transactions."""

from litestar import Router

from explorer_api.reading import Explorer


def routes(explorer: Explorer) -> Router:
    _ = explorer
    return Router("/transactions", route_handlers=[], tags=["transactions"])
