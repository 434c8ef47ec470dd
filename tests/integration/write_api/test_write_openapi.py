"""The document of the write API: it is what the code makes, it is valid, and says what each operation needs."""

from collections import Counter

import pytest
from openapi_spec_validator import validate

from service.http.openapi import text
from tests.integration.write_api.documented import ACCESSES, DOCUMENT, OPERATIONS
from tests.integration.write_api.offices import Client
from write_api.openapi import FILE


def test_committed_document_is_what_the_code_makes() -> None:
    """After a change of the API: pend-write openapi --write."""
    assert FILE.read_text(encoding="utf-8") == text(DOCUMENT)


def test_document_is_valid_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    validate(DOCUMENT)


def test_operations_are_told_apart_by_their_names() -> None:
    names = Counter(
        operation.get("operationId", "")
        for methods in DOCUMENT["paths"].values()
        for operation in methods.values()
    )
    assert [name for name, times in names.items() if times > 1 or not name.isalnum()] == []


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_operation_is_documented_with_refusals_and_described_parameters(name: str) -> None:
    path, _, operation = OPERATIONS[name]
    assert operation["summary"]
    assert operation["tags"]
    assert any(code.startswith("2") for code in operation["responses"]), name
    assert {"400", "429", "503"} <= operation["responses"].keys()
    if name in ACCESSES and ACCESSES[name].actor != "anyone":
        assert {"401", "403"} <= operation["responses"].keys()
    described = [
        each["name"]
        for each in operation.get("parameters", [])
        if not each.get("description") and each["in"] == "query"
    ]
    assert described == [], path


async def test_document_is_served(anyone: Client) -> None:
    assert await anyone.get("/openapi.json") == DOCUMENT
