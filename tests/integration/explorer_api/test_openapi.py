"""The document of the API: it is what the code makes, it is valid, and what the API answers is what it says."""

from collections.abc import Callable
from typing import Any

import aiohttp
import msgspec
import psycopg
import pytest
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from openapi_spec_validator import validate

from explorer_api.app import litestar_app
from explorer_api.openapi import DESCRIPTION, FILE
from service.http.openapi import config, document, text
from tests.integration.explorer_api.explorers import Explored, Serving, record_example

Sql = psycopg.Connection[dict[str, Any]]

APP: Litestar = litestar_app(None, config(DESCRIPTION))  # type: ignore[arg-type]
DOCUMENT = document(APP, DESCRIPTION)
OPERATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    operation["operationId"]: (path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for operation in methods.values()
}
# Streamed, or in an envelope of Etherscan's: their own tests know their shapes.
_SHAPED = sorted(
    name
    for name, (_, operation) in OPERATIONS.items()
    if "application/json" in operation["responses"].get("200", {}).get("content", {}) and name != "etherscan"
)


def shapes() -> dict[str, Any]:
    """What each operation answers with, from its route."""
    found: dict[str, Any] = {}
    for route in APP.routes:
        for handler in getattr(route, "route_handlers", []):
            if isinstance(handler, HTTPRouteHandler) and handler.responses and 200 in handler.responses:
                found[str(handler.operation_id)] = handler.responses[200].data_container
    return found


SHAPES = shapes()


def test_committed_document_is_what_the_code_makes() -> None:
    """After a change of the API: pend-explorer openapi --write."""
    assert FILE.read_text() == text(DOCUMENT)


def test_document_is_valid_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    validate(DOCUMENT)


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_operation_is_documented_with_parameters_refusals_and_an_example(name: str) -> None:
    _, operation = OPERATIONS[name]
    assert operation["summary"]
    assert operation["tags"]
    assert {"400", "404", "429", "503"} <= operation["responses"].keys()
    undescribed = [each["name"] for each in operation.get("parameters", []) if not each.get("description")]
    assert not undescribed
    if name in _SHAPED:
        (content,) = operation["responses"]["200"]["content"].values()
        msgspec.convert(content["example"], SHAPES[name])


@pytest.fixture(scope="session")
def names(explored: Explored) -> dict[str, dict[str, str]]:
    """For each path parameter, what there is in the shared database; by the noun of the path where it differs."""
    with psycopg.connect(explored.dsn) as connection:

        def one(statement: str) -> str:
            row = connection.execute(statement.encode()).fetchone()
            assert row is not None, statement
            value = row[0]
            return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)

        token = "SELECT token FROM chain.tokens WHERE standard = 20 ORDER BY transfer_count DESC LIMIT 1"
        item = "SELECT {} FROM chain.token_balances WHERE standard = 721 AND balance > 0 ORDER BY 1 LIMIT 1"
        return {
            "transaction_hash": {
                "": one(
                    "SELECT hash FROM chain.transactions WHERE log_count > 1 ORDER BY block_number LIMIT 1"
                )
            },
            "block": {"": "7"},
            "timestamp": {
                "": one("SELECT extract(epoch FROM timestamp)::bigint FROM chain.blocks WHERE number = 9")
            },
            "address": {
                "": one("SELECT from_address FROM chain.transactions ORDER BY block_number DESC LIMIT 1"),
                "tokens": one(token),
                "tokens items": one(item.format("token")),
                "contracts": one(token),
                "validators": one("SELECT miner FROM chain.blocks WHERE number = 5"),
                "pools": one("SELECT pool FROM chain.pools ORDER BY invested DESC LIMIT 1"),
            },
            "token_id": {"": one(item.format("token_id").replace("ORDER BY 1", "ORDER BY token"))},
            "figure": {"": "transactions"},
        }


def target_of(name: str, names: dict[str, dict[str, str]]) -> str:
    """A request of an operation that is answered with 200."""
    path, operation = OPERATIONS[name]
    noun = path.removeprefix("/api/v1/").split("/")[0]
    query = []
    for parameter in operation.get("parameters", []):
        known = names.get(parameter["name"], {})
        special = f"{noun} items" if "/items" in path else noun
        value = known.get(special, known.get(noun, known.get("")))
        if parameter["in"] == "path":
            assert value is not None, f"no example of {parameter['name']} for {path}"
            path = path.replace(f"{{{parameter['name']}}}", value)
        elif parameter["name"] == "limit":
            query.append("limit=2")
        elif parameter.get("required"):
            query.append(f"{parameter['name']}={_REQUIRED[parameter['name']](names)}")
    if "token" in names and "{token}" in path:
        path = path.replace("{token}", names["address"]["tokens"])
    if name in _BESIDE:
        query.append(_BESIDE[name](names))
    return path + ("?" + "&".join(query) if query else "")


_BESIDE: dict[str, Callable[[dict[str, dict[str, str]]], str]] = {
    "listAddressBalanceHistory": lambda names: f"token={names['address']['tokens']}"
}
# What a network without traces and without a pool of transactions has nothing of: tested where there is some.
_ELSEWHERE = {"listAddressInternalTransfers", "listTransactionInternalTransfers", "listPendingTransactions"}
_REQUIRED: dict[str, Callable[[dict[str, dict[str, str]]], str]] = {
    "q": lambda _names: "7",
    "token": lambda names: names["address"]["tokens"],
    "channels": lambda _names: "blocks",
}


@pytest.mark.parametrize("name", sorted(set(_SHAPED) - _ELSEWHERE))
async def test_answer_of_an_operation_has_the_documented_shape(
    name: str, api: aiohttp.ClientSession, names: dict[str, dict[str, str]]
) -> None:
    target = target_of(name, names)
    async with api.get(target) as answer:
        body = await answer.read()
        assert answer.status == 200, f"{target}: {body.decode()}"
    msgspec.json.decode(body, type=SHAPES[name])
    record_example(name, body)


async def test_document_and_viewer_are_served_without_outside_hosts(
    api: aiohttp.ClientSession, serving: Serving
) -> None:
    async with api.get("/api/v1/openapi.json") as answer:
        assert await answer.json() == DOCUMENT
    async with api.get("/api/v1/docs") as answer:
        page = await answer.text()
        assert "'self'" in answer.headers["content-security-policy"]
    assert "http" not in page.replace(serving.url, "").replace("http-equiv", "")
    for name in ("swagger-ui.css", "swagger-ui-bundle.js", "viewer.js"):
        assert name in page
        async with api.get(f"/api/v1/docs/{name}") as answer:
            assert answer.status == 200
            assert len(await answer.read()) > 50
