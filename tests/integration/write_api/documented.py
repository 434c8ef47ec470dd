"""The routes of the write API and its document, as this code makes them."""

import warnings
from typing import Any

from litestar.exceptions import LitestarDeprecationWarning

from write_api import openapi, role_table
from write_api.role_table import Access

with warnings.catch_warnings():
    warnings.simplefilter("ignore", LitestarDeprecationWarning)
    DOCUMENT: dict[str, Any] = openapi.made()
    ACCESSES: dict[str, Access] = {
        each.operation: each for each in role_table.accesses() if each.path.startswith("/api/v1/")
    }
    TABLE = role_table.renewed(role_table.PAGE.read_text(encoding="utf-8"))

OPERATIONS: dict[str, tuple[str, str, dict[str, Any]]] = {
    operation["operationId"]: (path, method, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
"""Path, method and what is documented, by operation."""
