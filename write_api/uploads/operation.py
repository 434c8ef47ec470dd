"""How the OpenAPI document describes a form with a file, which routes read as a stream."""

from collections.abc import Sequence
from dataclasses import dataclass

from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIFormat, OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema

DOWNLOAD = ResponseSpec(
    bytes, description="The file as it was uploaded", media_type="application/octet-stream"
)
"""Its real content type is that of the file."""


def form_of(field: str, *, one_of: Sequence[str] = ()) -> type[Operation]:
    """An operation whose body is a form of `field`, free or one of some words, and `file`."""
    given = Schema(type=OpenAPIType.STRING, enum=list(one_of) or None)
    file = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY)
    form = Schema(type=OpenAPIType.OBJECT, properties={field: given, "file": file}, required=[field, "file"])
    body = RequestBody(content={"multipart/form-data": OpenAPIMediaType(schema=form)}, required=True)

    @dataclass
    class FormOperation(Operation):
        def __post_init__(self) -> None:
            self.request_body = body

    return FormOperation
