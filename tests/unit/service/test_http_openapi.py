"""The document says below every field what its struct says, and what every operation may answer."""

from typing import Any

import msgspec
from litestar import Litestar, post
from litestar.params import FromPath

from service.http.openapi import Description, config, document, text
from service.http.problems import ProblemDetails


class Base(msgspec.Struct):
    id: str
    """Names it for ever."""


class Account(Base):
    """Somebody who may sign in."""

    email: str = ""
    """Where it is written to."""


class Details(ProblemDetails, omit_defaults=True):
    locked_until: str | None = None
    """When it is asked again."""


DESCRIPTION = Description(
    title="Small",
    text="A small API.",
    packages=("tests",),
    problems=Details,
    refusals={"400": "A parameter is wrong."},
    headers={"X-Request-Id": "Names this request."},
    patterns={"name": "[a-z]+"},
)


@post("/accounts/{name:str}")
async def create_account(name: FromPath[str]) -> Account:
    return Account(name)


def _made() -> dict[str, Any]:
    app = Litestar([create_account], openapi_config=config(DESCRIPTION))
    return document(app, DESCRIPTION)


def test_structs_and_their_fields_are_described_those_of_bases_too() -> None:
    account = _made()["components"]["schemas"]["Account"]
    assert account["description"] == "Somebody who may sign in."
    assert account["properties"]["id"]["description"] == "Names it for ever."
    assert account["properties"]["email"]["description"] == "Where it is written to."


def test_problems_have_the_members_of_the_program_and_of_all() -> None:
    properties = _made()["components"]["schemas"]["ProblemDetails"]["properties"]
    assert properties["locked_until"]["description"] == "When it is asked again."
    assert properties["allowed"]["description"] == "What the parameter may be."


def test_every_operation_says_headers_problems_and_patterns() -> None:
    operation = _made()["paths"]["/accounts/{name}"]["post"]
    assert list(operation["responses"]["201"]["headers"]) == ["X-Request-Id"]
    refusal = operation["responses"]["400"]
    assert refusal["description"] == "A parameter is wrong."
    assert "headers" not in refusal
    assert operation["parameters"][0]["schema"]["pattern"] == "^(?:[a-z]+)$"


def test_document_is_the_same_every_time() -> None:
    assert text(_made()) == text(_made())
