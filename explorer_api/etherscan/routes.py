"""GET /api and /v2/api: what clients of Etherscan ask, in their words and answered in their envelope."""

from typing import Annotated, Any

from litestar import Request, Router, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter

from explorer_api import etherscan
from explorer_api.answer import Answer, AnswerResponse
from explorer_api.answers.etherscan import Envelope
from explorer_api.etherscan import account, block, contract, logs, proxy, stats, token, transaction
from explorer_api.etherscan.answering import Actions, Asked, queries
from explorer_api.etherscan.asked_node import AskedNode
from explorer_api.etherscan.envelope import Refused, of_problem, refusal
from explorer_api.etherscan.parameters import Parameters
from explorer_api.faults import problem_of
from explorer_api.reading import Explorer

MODULES: dict[str, Actions] = {
    "account": account.ACTIONS,
    "contract": contract.ACTIONS,
    "transaction": transaction.ACTIONS,
    "block": block.ACTIONS,
    "logs": logs.ACTIONS,
    "token": token.ACTIONS,
    "stats": stats.ACTIONS,
    "gastracker": stats.GAS_ACTIONS,
    "proxy": proxy.ACTIONS,
}

Module = Annotated[str, Parameter(description=f"One of {', '.join(MODULES)}.")]
Action = Annotated[str, Parameter(description="What to do, as Etherscan names it.")]

_RESPONSES = {200: ResponseSpec(Envelope, description="Etherscan's envelope; status 0 is a refusal")}


def routes(explorer: Explorer) -> Router:
    node = AskedNode(explorer)

    async def answered(request: Request[Any, Any, Any]) -> AnswerResponse:
        parameters = Parameters(dict(request.query_params.items()))
        try:
            answer = await _answer(Asked(explorer, node, parameters, request))
        except Refused as refused:
            answer = refusal(refused)
        except Exception as error:  # noqa: BLE001  # its clients know one envelope and HTTP 200
            answer = refusal(of_problem(problem_of(error, request.scope["pend.request_id"])))  # type: ignore[typeddict-item]
        return AnswerResponse(answer)

    @get(
        "/api",
        summary="What Etherscan's API answers",
        description=etherscan.__doc__,
        operation_id="getEtherscan",
        responses=_RESPONSES,
        opt={"any_parameters": True},
    )
    async def get_etherscan(
        request: Request[Any, Any, Any],
        module: Module = "",  # noqa: ARG001  # for the description of the route
        action: Action = "",  # noqa: ARG001
    ) -> AnswerResponse:
        return await answered(request)

    @get(
        "/v2/api",
        summary="What version 2 of Etherscan's API answers",
        description="As /api, with `chainid`, which must be this network's.",
        operation_id="getEtherscanV2",
        responses=_RESPONSES,
        opt={"any_parameters": True},
    )
    async def get_etherscan_v2(
        request: Request[Any, Any, Any],
        module: Module = "",  # noqa: ARG001
        action: Action = "",  # noqa: ARG001
    ) -> AnswerResponse:
        return await answered(request)

    return Router("/", route_handlers=[get_etherscan, get_etherscan_v2], tags=["etherscan"])


async def _answer(asked: Asked) -> Answer:
    actions = MODULES.get((asked.parameters.text("module") or "").lower())
    if actions is None:
        raise Refused("Error! Missing Or invalid Module name")
    action = actions.get((asked.parameters.text("action") or "").lower())
    if action is None:
        raise Refused("Error! Missing Or invalid Action name")
    await _check_chain(asked)
    return await action(asked)


async def _check_chain(asked: Asked) -> None:
    given = asked.parameters.text("chainid")
    if given is None:
        return
    async with asked.explorer.reader.connection() as connection:
        network = await queries.select_network.one(connection)
    if network is None or given != network["chain_id"]:
        raise Refused("Missing or unsupported chainid parameter (required for v2 api)")
