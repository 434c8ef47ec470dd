"""The write API's OpenAPI 3.1 document: committed, served, compared by a test."""

from pathlib import Path
from typing import Any

from service.http import openapi
from service.http.openapi import Description
from write_api.problems import WriteProblemDetails

FILE = Path(__file__).parent / "openapi.json"

_TEXT = """Users, KYC, assets, investments and administration.

Access tokens are sent as `Authorization: Bearer …` and hold for 15 minutes; `/auth/refresh` gives another.
What has a version is answered with an `ETag`; changes send it as `If-Match` (412 when somebody was faster).
Every POST takes an `Idempotency-Key`: repeated with the same body it is answered the same for 24 hours.
Amounts are decimal text, exact. Lists are paged by cursor. Failures are problem details (RFC 9457).
"""
_REFUSALS = {
    "400": "A parameter is wrong; `field` names it, `allowed` says what it may be.",
    "401": "Not signed in, or no longer.",
    "403": "Not allowed; `rule` names the permission or rule.",
    "404": "There is no such thing, or not for who asks.",
    "409": "The present state does not allow this; `rule` and `allowed_transitions` say what does.",
    "412": "Somebody changed it meanwhile; `current_version` is in force.",
    "413": "The body is too large.",
    "415": "The content type is not taken here.",
    "422": "Some of the body is wrong; `fields` names each.",
    "428": "If-Match is missing.",
    "429": "Too many requests or attempts; `Retry-After` says when to ask again.",
    "503": "The database, the storage or the keys do not answer; `Retry-After` says when to ask again.",
}
_HEADERS = {"X-Request-Id": "Names this request in the logs and in the audit trail."}

DESCRIPTION = Description(
    title="Pend write API",
    text=_TEXT,
    packages=("service", "write_api"),
    problems=WriteProblemDetails,
    refusals=_REFUSALS,
    headers=_HEADERS,
)


def made() -> dict[str, Any]:
    """The document of this code."""
    from write_api.app import undressed_app  # noqa: PLC0415  the application serves this document

    return openapi.document(undressed_app(openapi.config(DESCRIPTION)), DESCRIPTION)
