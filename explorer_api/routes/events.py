"""/api/v1/events."""

from litestar import Router

from explorer_api.reading import Explorer


def routes(explorer: Explorer) -> Router:
    _ = explorer
    return Router("/events", route_handlers=[], tags=["events"])
