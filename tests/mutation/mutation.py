"""One mechanism taken away, as data: what to change where, and which test must notice."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class CodeHasChanged(ValueError):
    """The text that a mutation replaces is not there exactly once."""

    def __init__(self, edit: "Edit", found: int) -> None:
        super().__init__(
            f"{edit.file} holds this text {found} times, not once; the code has changed: adapt the mutation in"
            f" tests/mutation\n{edit.old}"
        )
        self.edit = edit
        self.found = found


@dataclass(frozen=True, slots=True)
class Edit:
    """In `file`, `old` becomes `new`."""

    file: str
    old: str
    new: str

    def applied(self, text: str) -> str:
        """Raises `CodeHasChanged`."""
        found = text.count(self.old)
        if found != 1:
            raise CodeHasChanged(self, found)
        return text.replace(self.old, self.new)


@dataclass(frozen=True, slots=True)
class Mutation:
    """Without `mechanism` invariant number `invariant` does not hold, and `test` says so.

    `also` are further edits that the first needs to make a program that runs.
    """

    invariant: int
    mechanism: str
    file: str
    old: str
    new: str
    test: str
    also: tuple[Edit, ...] = ()

    @property
    def edits(self) -> tuple[Edit, ...]:
        return (Edit(self.file, self.old, self.new), *self.also)

    @property
    def changes_schema(self) -> bool:
        return any(edit.file.startswith("migrations/") for edit in self.edits)


def function_of(test: str) -> str:
    """A test's id without its parameters."""
    return test.partition("[")[0]


def mutated(root: Path, edits: Sequence[Edit]) -> dict[Path, str]:
    """The changed files of the tree at `root` as text, nothing written. Raises `CodeHasChanged`."""
    texts: dict[Path, str] = {}
    for edit in edits:
        path = root / edit.file
        texts[path] = edit.applied(texts.get(path) or path.read_text(encoding="utf-8"))
    return texts
