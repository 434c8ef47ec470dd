"""What must never be answered with a 5xx: generated requests of every operation, as nobody, a user and administrators."""

import os
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import requests
import schemathesis
from eth_account import Account
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.integration.write_api.documented import DOCUMENT, OPERATIONS
from tests.integration.write_api.offices import Writing, admin

SCHEMA: Any = schemathesis.openapi.from_dict(DOCUMENT)
EXAMPLES = int(os.environ.get("PEND_TEST_EXAMPLES", "1"))
"""Of each operation and caller; more of them by PEND_TEST_EXAMPLES."""
_STREAMED = {
    name for name in OPERATIONS if "multipart/form-data" in str(OPERATIONS[name][2].get("requestBody", ""))
}

ROLES = ("super_admin", "asset_manager", "kyc_verifier", "auditor", "viewer")
NONSENSE = (
    "0",
    "-1",
    "1e78",
    "NaN",
    "0x",
    "0x" + "AA" * 20,
    str(2**256),
    "9" * 400,
    "' OR true --",
    "1; DROP TABLE account.users",
    "$1",
    "\x00",
    "\u202e\ufeff",
    "🦀" * 50,
    "../../etc/passwd",
    "{}",
    "null",
)


@pytest.fixture(scope="module")
def callers(writing: Writing) -> dict[str, str | None]:
    """Tokens of nobody, a user, and an administrator of each role."""
    session = uuid4()
    with psycopg.connect(writing.dsn, autocommit=True) as connection:
        row = connection.execute(
            "SELECT user_id FROM account.open_user_session(%s, %s, %s, 'test', '1 day')",
            (session, bytes.fromhex(Account.create().address[2:]), secrets.token_bytes(32)),
        ).fetchone()
    assert row is not None
    nobody: Any = None
    user = writing.keys.tokens().issue(row[0], "user", session, 1, datetime.now(UTC))
    roles = {role: admin(nobody, writing.dsn, writing.keys, role).token for role in ROLES}
    return {"nobody": None, "user": user, **roles}


@pytest.fixture(scope="module")
def http() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_operation_refuses_what_is_wrong_whoever_asks(
    name: str, writing: Writing, http: requests.Session, callers: dict[str, str | None]
) -> None:
    path, method, _ = OPERATIONS[name]

    @seed(7)
    @given(case=SCHEMA[path][method].as_strategy())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    def refuses(case: Any) -> None:
        for who, token in callers.items():
            headers = {} if token is None else {"Authorization": f"Bearer {token}"}
            response = case.call(base_url=writing.url, headers=headers, session=http, timeout=30)
            assert response.status_code < 500, f"{who}: {case.method} {case.path}: {response.text}"
            if who == "nobody" and response.status_code < 300:
                assert OPERATIONS[name][2].get("security", []) == []

    refuses()


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_nonsense_in_every_field_is_refused_clearly(
    name: str, writing: Writing, http: requests.Session, callers: dict[str, str | None]
) -> None:
    """The same words in each text of the body and each parameter, one after the other."""
    path, method, operation = OPERATIONS[name]
    case: Any = SCHEMA[path][method]
    token = callers["super_admin" if "/admin/" in path else "user"]
    index = sorted(OPERATIONS).index(name)
    for number in range(2):
        nonsense = NONSENSE[(index + number * 5) % len(NONSENSE)]
        fields = _fields(operation)
        made = case.Case(
            path_parameters={
                each["name"]: "x" for each in operation.get("parameters", []) if each["in"] == "path"
            },
            query={
                each["name"]: nonsense for each in operation.get("parameters", []) if each["in"] == "query"
            },
            headers={"If-Match": '"1"', "Idempotency-Key": str(uuid4())},
            body=dict.fromkeys(fields, nonsense) if fields else schemathesis.core.NOT_SET,
            media_type="application/json" if fields else None,
        )
        headers = {"Authorization": f"Bearer {token}"}
        response = made.call(base_url=writing.url, headers=headers, session=http, timeout=30)
        assert response.status_code < 500, f"{nonsense!r}: {response.text}"
        assert not {"SELECT", "Traceback", "asyncpg"} & set(response.text.split())


def _fields(operation: dict[str, Any]) -> list[str]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    reference = content.get("schema", {}).get("$ref", "")
    shape = DOCUMENT["components"]["schemas"].get(reference.rpartition("/")[2], {})
    return list(shape.get("properties", {}))
