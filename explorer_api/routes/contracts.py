"""/api/v1/contracts."""

from litestar import Router

from explorer_api.reading import Explorer


def routes(explorer: Explorer) -> Router:
    _ = explorer
    return Router("/contracts", route_handlers=[], tags=["contracts"])
