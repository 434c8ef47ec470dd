"""The explorer's OpenAPI 3.1 document: committed, served, compared by a test."""

import re
from pathlib import Path
from typing import Any, cast

from explorer_api.problems import ProblemDetails
from explorer_api.reading import Explorer
from explorer_api.settings import ExplorerSettings
from explorer_api.tip import Tip
from postgres.reader import Reader
from service.http import openapi
from service.http.openapi import Description
from service.sections import DatabaseSection

FILE = Path(__file__).parent / "openapi.json"
EXAMPLES = Path(__file__).parent / "examples.json"
"""Real answers by operation, recorded from a simulated network by the test of them."""

_TEXT = """Everything that is stored of a private network, read-only.

Every answer is one snapshot: `meta` and the `Pend-*` headers say at which block and outbox sequence it is
true. Lists are paged by cursor (`page.next`, `page.previous`). What JavaScript cannot hold as a number is
text: wei, token amounts, token ids. Hashes and addresses are `0x` text in lower case. Derived figures say
for which blocks they are complete. Failures are problem details (RFC 9457) with a `request_id`.
"""

_REFUSALS = {
    "400": "A parameter is wrong; `field` names it, `allowed` says what it may be.",
    "404": "There is no such thing, or the block is not indexed; `indexed_from`, `indexed_to` say what is.",
    "409": "A reorg took back where the page ended; `restart_block` is the highest block that still stands.",
    "429": "Too many requests, or too many expensive ones at once; `Retry-After` says when to ask again.",
    "503": "The database does not answer or took too long; `Retry-After` says when to ask again.",
}
_HEADERS = {
    "ETag": "Changes with the outbox sequence; send it as `If-None-Match` for a 304.",
    "Pend-Block-Number": "Highest stored block in the answer's snapshot.",
    "Pend-Block-Hash": "Its hash.",
    "Pend-Finality": "`final`: no reorg can change this answer; `pending`: its newest blocks can change.",
    "Pend-Sequence": "The outbox sequence of the snapshot: a stream resumes from it.",
    "X-Request-Id": "Names this request in the logs.",
}
_PATTERNS = {
    "address": "0x[0-9a-fA-F]{40}",
    "transaction_hash": "0x[0-9a-fA-F]{64}",
    "block": "[0-9]+|0x[0-9a-fA-F]{64}|latest|finalized",
    "token_id": "[0-9]+",
}

# Litestar names a generic by its module; a reader of the document, or of types made from it, wants a word.
_ENVELOPE = re.compile(r"(One|Listed)_explorer_api\.[a-z_.]+\.(\w+?)_(?=\W)")


def _envelope_name(found: "re.Match[str]") -> str:
    return f"{found[2]}{'Answer' if found[1] == 'One' else 'Page'}"


DESCRIPTION = Description(
    title="Pend explorer",
    text=_TEXT,
    packages=("service", "explorer_api"),
    problems=ProblemDetails,
    refusals=_REFUSALS,
    headers=_HEADERS,
    patterns=_PATTERNS,
    examples=EXAMPLES,
    renamed=lambda schema: _ENVELOPE.sub(_envelope_name, schema),
)


def made() -> dict[str, Any]:
    """The document of this code."""
    from explorer_api.app import litestar_app  # noqa: PLC0415  the application serves this document

    settings = ExplorerSettings(database=DatabaseSection.model_validate({"dsn": "postgresql://"}))
    unread = Explorer(settings, cast(Reader, None), Tip())
    return openapi.document(litestar_app(unread, openapi.config(DESCRIPTION)), DESCRIPTION)
