"""A copy of the working tree in which code is changed, and pytest run on it."""

import compileall
import os
import py_compile
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tests.database_homes import DSN_VARIABLES, EMBEDDED, STARTERS
from tests.mutation.mutation import Edit, mutated
from tests.mutation.witness import OURS, REPORT_VARIABLE, Report
from tests.shared_server import REPOSITORY, SharedServer

_LEFT_OUT = shutil.ignore_patterns(
    ".*", "__pycache__", "*.egg-info", "node_modules", "results", "build", "dist"
)
_TEST_MAX_S = 300


class ForeignCode(RuntimeError):
    """Something else than the copy was imported: nothing that was run says anything."""

    def __init__(self, strangers: Sequence[str]) -> None:
        super().__init__(f"not imported from the scratch copy: {', '.join(strangers)}")
        self.strangers = tuple(strangers)


@dataclass(frozen=True, slots=True)
class Ran:
    """pytest's exit code, its output, and its witness's report (None: it did not come that far)."""

    code: int
    output: str
    report: Report | None


@dataclass(frozen=True, slots=True)
class Scratch:
    """A copy at `root`, and the environment in which Python takes our packages from there."""

    root: Path
    environment: Mapping[str, str]

    @contextmanager
    def changed(self, edits: Sequence[Edit]) -> Iterator[None]:
        """Apply `edits` for as long as the block runs. Raises `CodeHasChanged` with nothing changed."""
        texts = mutated(self.root, edits)
        before = {path: path.read_bytes() for path in texts}
        try:
            for path, text in texts.items():
                path.write_text(text, encoding="utf-8")
            yield
        finally:
            for path, content in before.items():
                path.write_bytes(content)

    def run(self, tests: Sequence[str], *, stop_at_first: bool) -> Ran:
        """Run `tests` in a process of its own. Raises `ForeignCode` when it imported another tree."""
        path = self.root / "report.json"
        path.unlink(missing_ok=True)
        ended = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider"),
                *("-p", "tests.mutation.witness", f"--timeout={_TEST_MAX_S}"),
                *(["-x"] if stop_at_first else []),
                *tests,
            ],
            cwd=self.root,
            env={**self.environment, REPORT_VARIABLE: str(path)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        report = msgspec.json.decode(path.read_bytes(), type=Report) if path.exists() else None
        if report is not None and report.strangers:
            raise ForeignCode(report.strangers)
        return Ran(ended.returncode, ended.stdout.decode(errors="replace"), report)

    def require_imported(self) -> None:
        """Whoever starts a process elsewhere gets the copy too, as tests of `pend-index` do."""
        names = [name for name in OURS if name != "tests"]
        program = f"import {', '.join(names)}\nprint(*({', '.join(f'{name}.__file__' for name in names)}))"
        answer = subprocess.run(
            [sys.executable, "-c", program],
            cwd="/",
            env=dict(self.environment),
            stdout=subprocess.PIPE,
            check=True,
        )
        files = [Path(text) for text in answer.stdout.decode().split()]
        foreign = [str(file) for file in files if not file.is_relative_to(self.root)]
        if foreign:
            raise ForeignCode(foreign)


@contextmanager
def scratch() -> Iterator[Scratch]:
    """A copy with a database server of its own: no schema that was changed here is ever met elsewhere."""
    with tempfile.TemporaryDirectory(prefix="pend-mutation-") as folder:
        root = Path(folder).resolve() / "tree"
        root.parent.chmod(0o755)  # the server may run under another account
        shutil.copytree(REPOSITORY, root, ignore=_LEFT_OUT, symlinks=True)
        _compile(root)
        for home in STARTERS:
            (root / ".cache" / "tests" / home).mkdir(parents=True)
        server = SharedServer(EMBEDDED, root.parent / "servers")
        try:
            environment = {
                **os.environ,
                "PYTHONPATH": str(root),
                # Compiled code is told from older code by its time in seconds and its size: none is kept.
                "PYTHONDONTWRITEBYTECODE": "1",
                DSN_VARIABLES[EMBEDDED]: server.join(),
            }
            yield Scratch(root, environment)
        finally:
            server.leave()
            server.wait_until_gone()


def _compile(root: Path) -> None:
    """Compiled once, and valid as long as the source has the same hash: half the time of a short test."""
    for name in OURS:
        compileall.compile_dir(
            root / name, quiet=2, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH
        )
