"""The OpenAPI 3.1 document: made from routes and shapes of answers, committed, served, compared by a test."""

import ast
import inspect
import json
import re
import textwrap
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import msgspec
from litestar import Litestar
from litestar.openapi import OpenAPIConfig

from explorer_api.problems import ProblemDetails
from explorer_api.reading import Explorer
from explorer_api.settings import ExplorerSettings
from explorer_api.tip import Tip
from postgres.reader import Reader
from service.sections import DatabaseSection

FILE = Path(__file__).parent / "openapi.json"
EXAMPLES = Path(__file__).parent / "examples.json"
"""Real answers by operation, recorded from a simulated network by the test of them."""

DESCRIPTION = """Everything that is stored of a private network, read-only.

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


# Litestar names a generic by its module; a reader of the document, or of types made from it, wants a word.
_ENVELOPE = re.compile(r"(One|Listed)_explorer_api\.[a-z_.]+\.(\w+?)_(?=\W)")


def _envelope_name(found: "re.Match[str]") -> str:
    return f"{found[2]}{'Answer' if found[1] == 'One' else 'Page'}"


def document(app: Litestar) -> dict[str, Any]:
    """The document of an application's routes."""
    raw = msgspec.json.encode(app.openapi_schema.to_schema()).decode()
    schema = cast(dict[str, Any], json.loads(_ENVELOPE.sub(_envelope_name, raw)))
    schema["openapi"] = "3.1.0"
    _drop_made_up(schema)
    components = schema.setdefault("components", {}).setdefault("schemas", {})
    _describe_fields(components)
    components["ProblemDetails"] = _problem_schema()
    examples = json.loads(EXAMPLES.read_text()) if EXAMPLES.is_file() else {}
    for path in schema["paths"].values():
        for operation in path.values():
            _complete(operation, examples.get(operation.get("operationId")))
    return cast(dict[str, Any], json.loads(json.dumps(schema, sort_keys=True)))


def config() -> OpenAPIConfig:
    """What Litestar needs to make the document; it serves none of it."""
    return OpenAPIConfig(
        title="Pend explorer",
        version=version("pend-indexer"),
        description=DESCRIPTION,
        render_plugins=[],
        create_examples=False,
    )


def made() -> dict[str, Any]:
    """The document of this code."""
    from explorer_api.app import litestar_app  # noqa: PLC0415  the application serves this document

    settings = ExplorerSettings(database=DatabaseSection.model_validate({"dsn": "postgresql://"}))
    unread = Explorer(settings, cast(Reader, None), Tip())
    return document(litestar_app(unread, config()))


def text(of: dict[str, Any]) -> str:
    """As it is committed."""
    return json.dumps(of, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


_PATTERNS = {
    "address": "0x[0-9a-fA-F]{40}",
    "transaction_hash": "0x[0-9a-fA-F]{64}",
    "block": "[0-9]+|0x[0-9a-fA-F]{64}|latest|finalized",
    "token_id": "[0-9]+",
}


def _drop_made_up(within: Any) -> None:
    """Litestar invents values as examples; ours are real answers."""
    if isinstance(within, dict):
        within.pop("examples", None)
        for value in within.values():
            _drop_made_up(value)
    elif isinstance(within, list):
        for value in within:
            _drop_made_up(value)


def _complete(operation: dict[str, Any], example: Any) -> None:
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path" and parameter["name"] in _PATTERNS:
            parameter["schema"]["pattern"] = f"^(?:{_PATTERNS[parameter['name']]})$"
    responses = operation["responses"]
    for status, description in _REFUSALS.items():
        responses[status] = {
            "description": description,
            "content": {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}
            },
        }
    answer = responses.get("200")
    if answer is not None:
        for content in answer.get("content", {}).values():
            if example is not None:
                content["example"] = example
        answer["headers"] = {
            name: {"schema": {"type": "string"}, "description": description}
            for name, description in _HEADERS.items()
        }


def _problem_schema() -> dict[str, Any]:
    (_, components) = msgspec.json.schema_components(
        [ProblemDetails], ref_template="#/components/schemas/{name}"
    )
    described: dict[str, Any] = components["ProblemDetails"]
    for name, said in _field_docstrings(ProblemDetails).items():
        described["properties"][name]["description"] = said
    return described


def _describe_fields(components: dict[str, Any]) -> None:
    """Texts below the fields of a struct become descriptions, those of its bases too."""
    by_name = {each.__name__: each for each in _structs(msgspec.Struct)}
    for name, schema in components.items():
        struct = by_name.get(name.partition("[")[0].partition("_")[0])
        if struct is None or "properties" not in schema:
            continue
        for field, said in _field_docstrings(struct).items():
            if field in schema["properties"] and "$ref" not in schema["properties"][field]:
                schema["properties"][field]["description"] = said
        if struct.__doc__ and struct.__module__.startswith("explorer_api"):
            schema["description"] = inspect.cleandoc(struct.__doc__)


def _structs(of: type) -> list[type]:
    found: list[type] = []
    direct: list[type] = of.__subclasses__()
    for each in direct:
        found += [each, *_structs(each)]
    return found


def _field_docstrings(struct: type) -> dict[str, str]:
    said: dict[str, str] = {}
    for each in reversed(struct.__mro__):
        if not each.__module__.startswith("explorer_api"):
            continue
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(each))).body
        assert isinstance(body, ast.ClassDef)
        for field, below in zip(body.body, body.body[1:], strict=False):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(below, ast.Expr)
                and isinstance(below.value, ast.Constant)
            ):
                said[field.target.id] = inspect.cleandoc(str(below.value.value))
    return said
