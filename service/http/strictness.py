"""A parameter that a route does not know is refused: a misspelt filter would else answer with everything."""

from typing import Any

from litestar import Request

from service.http.problems import BadParameter

_known: dict[int, frozenset[str]] = {}


async def refuse_unknown_parameters(request: Request[Any, Any, Any]) -> None:
    """Raises `BadParameter` that lists what the route knows."""
    if not request.scope["query_string"]:
        return
    handler = request.route_handler
    if handler.opt.get("any_parameters"):
        return
    known = _known.get(id(handler))
    if known is None:
        names = _names(handler) - set(request.path_params) - {"request", "scope"}
        known = _known[id(handler)] = frozenset(names)
    for name in request.query_params:
        if name not in known:
            allowed = ", ".join(sorted(known)) or "none"
            raise BadParameter(
                name, request.query_params[name], f"one of the parameters of this route: {allowed}"
            )


def _names(handler: Any) -> set[str]:
    """Of its parameters, as requests spell them."""
    parameters = handler.parsed_fn_signature.parameters.items()
    return {getattr(each.kwarg_definition, "name", None) or name for name, each in parameters}
