"""/api/v1/validators."""

from litestar import Router

from explorer_api.reading import Explorer


def routes(explorer: Explorer) -> Router:
    _ = explorer
    return Router("/validators", route_handlers=[], tags=["validators"])
