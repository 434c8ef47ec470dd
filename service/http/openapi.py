"""The OpenAPI 3.1 document of a program: made from its routes and the shapes of its answers, always the same.

Texts below the fields of a struct become descriptions; every operation has the problems that it may answer.
"""

import ast
import inspect
import json
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import msgspec
from litestar import Litestar
from litestar.openapi import OpenAPIConfig

from service.http.problems import ProblemDetails


def _as_it_is(schema: str) -> str:
    return schema


@dataclass(frozen=True, slots=True)
class Description:
    """What a program says of its API besides its routes."""

    title: str
    text: str
    packages: tuple[str, ...]
    """Where its structs are; of two with one name that of the later package is described."""
    problems: type[ProblemDetails]
    refusals: Mapping[str, str]
    """By status: the problems that every operation may answer."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of every answer that is no problem."""
    patterns: Mapping[str, str] = field(default_factory=dict)
    """Of path parameters by name, where a regular expression says more than their type."""
    examples: Path | None = None
    """A file of real answers by operation; there need not be one."""
    renamed: Callable[[str], str] = _as_it_is
    """Gives names that Litestar makes up for components those that a reader wants, in the whole document."""


def config(of: Description) -> OpenAPIConfig:
    """What Litestar needs to make the document; it serves none of it."""
    return OpenAPIConfig(
        title=of.title,
        version=version("pend-indexer"),
        description=of.text,
        render_plugins=[],
        create_examples=False,
    )


def document(app: Litestar, of: Description) -> dict[str, Any]:
    """The document of an application's routes; `app` was made with `config(of)`."""
    raw = msgspec.json.encode(app.openapi_schema.to_schema()).decode()
    schema = cast(dict[str, Any], json.loads(of.renamed(raw)))
    schema["openapi"] = "3.1.0"
    _drop_made_up(schema)
    components = schema.setdefault("components", {}).setdefault("schemas", {})
    problem, parts = _problem_schemas(of)
    components |= parts
    _describe_fields(components, of.packages)
    components["ProblemDetails"] = problem
    examples = {} if of.examples is None or not of.examples.is_file() else json.loads(of.examples.read_text())
    for path in schema["paths"].values():
        for operation in path.values():
            _complete(operation, of, examples.get(operation.get("operationId")))
    return cast(dict[str, Any], json.loads(json.dumps(schema, sort_keys=True)))


def text(of: dict[str, Any]) -> str:
    """A document as it is committed."""
    return json.dumps(of, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _drop_made_up(within: Any) -> None:
    """Litestar invents values as examples; ours are real answers."""
    if isinstance(within, dict):
        within.pop("examples", None)
        for value in within.values():
            _drop_made_up(value)
    elif isinstance(within, list):
        for value in within:
            _drop_made_up(value)


def _complete(operation: dict[str, Any], of: Description, example: Any) -> None:
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path" and parameter["name"] in of.patterns:
            parameter["schema"]["pattern"] = f"^(?:{of.patterns[parameter['name']]})$"
    responses = operation["responses"]
    for status, description in of.refusals.items():
        responses[status] = {
            "description": description,
            "content": {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}
            },
        }
    for status, answer in responses.items():
        if not status.startswith("2"):
            continue
        for content in answer.get("content", {}).values():
            if example is not None:
                content["example"] = example
        answer["headers"] = {
            name: {"schema": {"type": "string"}, "description": description}
            for name, description in of.headers.items()
        }


def _problem_schemas(of: Description) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a problem is, and by name what it is made of."""
    (_, components) = msgspec.json.schema_components(
        [of.problems], ref_template="#/components/schemas/{name}"
    )
    described: dict[str, Any] = components.pop(of.problems.__name__)
    for name, said in _field_docstrings(of.problems).items():
        described["properties"][name]["description"] = said
    return described, components


def _describe_fields(components: dict[str, Any], packages: tuple[str, ...]) -> None:
    """Of a struct and of its bases."""
    structs = _structs(msgspec.Struct)
    by_name = {each.__name__: each for package in packages for each in structs if _is_within(each, package)}
    for name, schema in components.items():
        struct = by_name.get(name.partition("[")[0].partition("_")[0])
        if struct is None or "properties" not in schema:
            continue
        for field_name, said in _field_docstrings(struct).items():
            if field_name in schema["properties"] and "$ref" not in schema["properties"][field_name]:
                schema["properties"][field_name]["description"] = said
        if struct.__doc__:
            schema["description"] = inspect.cleandoc(struct.__doc__)


def _is_within(struct: type, package: str) -> bool:
    return struct.__module__.partition(".")[0] == package


def _structs(of: type) -> list[type]:
    found: list[type] = []
    direct: list[type] = of.__subclasses__()
    for each in direct:
        found += [each, *_structs(each)]
    return found


def _field_docstrings(struct: type) -> dict[str, str]:
    said: dict[str, str] = {}
    for each in reversed(struct.__mro__):
        if not issubclass(each, msgspec.Struct) or each is msgspec.Struct:
            continue
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(each))).body
        assert isinstance(body, ast.ClassDef)
        for line, below in zip(body.body, body.body[1:], strict=False):
            if (
                isinstance(line, ast.AnnAssign)
                and isinstance(line.target, ast.Name)
                and isinstance(below, ast.Expr)
                and isinstance(below.value, ast.Constant)
            ):
                said[line.target.id] = inspect.cleandoc(str(below.value.value))
    return said
