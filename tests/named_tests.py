"""Which tests the tree has, read from their source; and which a page of docs/ names."""

import ast
import re
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parent
ROOT = TESTS.parent

# `test_chain.py` names a file, `test_chain.py::test_x` one test of it, with as much of the path as it takes.
_NAMED = re.compile(r"`((?:[\w./]+/)?test_\w+\.py(?:::test_\w+)?)`")


@cache
def tests_by_file() -> dict[str, frozenset[str]]:
    """For each test file, by its path below tests/, the functions in it that pytest collects."""
    return {
        path.relative_to(TESTS).as_posix(): _functions(path)
        for path in sorted(TESTS.rglob("test_*.py"))
        if "node_modules" not in path.parts
    }


def named_in(page: Path) -> list[str]:
    """Every test or test file that a page names in backticks, as it names it."""
    return _NAMED.findall(page.read_text(encoding="utf-8"))


def exists(name: str) -> bool:
    """Whether `name`, a path or its end, with or without a function, is in the tree exactly once."""
    file, _, function = name.removeprefix("tests/").partition("::")
    found = [path for path in tests_by_file() if path == file or path.endswith(f"/{file}")]
    return len(found) == 1 and (not function or function in tests_by_file()[found[0]])


def _functions(path: Path) -> frozenset[str]:
    return frozenset(
        node.name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    )
