"""Many calls at once, some of which the node refuses: the others are answered all the same."""

from typing import Any

import pytest
from aiohttp import web

from devnet.chain import Devnet
from node.errors import MethodMissing, NodeInconsistent, NodeRefused
from node.refusals import Refusable, Refusal
from tests.integration.node.scripted_node import Calls, Fault, ScriptedNode, client_of

CALLS = [["0x1"], ["0x2"], ["0x3"]]


def answering(*, errors: dict[str, int] | None = None, sizes: dict[str, int] | None = None) -> Fault:
    """Each call is answered with its own parameter, or with an error, or with so many bytes."""

    async def fault(_: web.Request, calls: Calls) -> web.StreamResponse:
        answers: list[dict[str, Any]] = []
        for call in calls:
            (key,) = call["params"]
            if key in (errors or {}):
                said: dict[str, Any] = {"error": {"code": (errors or {})[key], "message": f"no to {key}"}}
            else:
                said = {"result": key + "0" * (sizes or {}).get(key, 0)}
            answers.append({"jsonrpc": "2.0", "id": call["id"], **said})
        return web.json_response(answers)

    return fault


@pytest.mark.parametrize("code", [-32000, 3, -32015, -32603])
async def test_call_that_is_refused_does_not_spoil_the_others(code: int) -> None:
    async with ScriptedNode(Devnet(5)) as node, client_of(node) as client:
        node.always = answering(errors={"0x2": code})
        found = await client.call_each("eth_call", CALLS)
        assert found == ["0x1", Refusal(code, "no to 0x2"), "0x3"]
        assert node.requests == [("eth_call", 3)]


async def test_answer_that_is_too_long_is_a_refusal_of_that_call_alone() -> None:
    async with ScriptedNode(Devnet(5)) as node, client_of(node, max_response_bytes=10_000) as client:
        node.always = answering(sizes={"0x2": 20_000})
        found = await client.call_each("eth_call", CALLS)
        assert found == ["0x1", Refusal(None, "over 10000 bytes"), "0x3"]


async def test_method_that_is_missing_or_a_limit_concerns_all_of_them() -> None:
    async with ScriptedNode(Devnet(5)) as node, client_of(node, deadline_s=0.05) as client:
        node.always = answering(errors={"0x2": -32604})
        with pytest.raises(MethodMissing):
            await client.call_each("trace_block", CALLS)
        node.always = answering(errors={"0x1": -32005, "0x2": -32005, "0x3": -32005})
        assert all(isinstance(each, Refusal) for each in await client.call_each("eth_call", CALLS))


async def test_answers_of_another_type_are_inconsistent() -> None:
    async with ScriptedNode(Devnet(5)) as node, client_of(node, inconsistent_retries_max=1) as client:
        node.always = answering()
        with pytest.raises((NodeInconsistent, NodeRefused)):
            await client.call_each("trace_block", CALLS, Refusable(list[int]))
