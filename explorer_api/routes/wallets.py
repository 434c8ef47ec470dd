"""/api/v1/wallets."""

from litestar import Router

from explorer_api.reading import Explorer


def routes(explorer: Explorer) -> Router:
    _ = explorer
    return Router("/wallets", route_handlers=[], tags=["wallets"])
