"""The list of mutations fits the code: each applies, names a test that exists, and stands in the page."""

import pytest

from tests.mutation.catalogue import MUTATIONS, renewed
from tests.mutation.mutation import CodeHasChanged, Edit, Mutation, function_of, mutated
from tests.mutation.runner import Verdict, judge
from tests.mutation.scratch import Ran
from tests.mutation.witness import Ended, Report
from tests.named_tests import ROOT, exists, named_in

PAGE = ROOT / "docs" / "invariants.md"


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda each: f"{each.invariant}: {each.mechanism}")
def test_mutation_applies_and_its_test_exists(mutation: Mutation) -> None:
    texts = mutated(ROOT, mutation.edits)
    for path, text in texts.items():
        assert text != path.read_text(encoding="utf-8")
        if path.suffix == ".py":
            compile(text, path, "exec")
    assert exists(function_of(mutation.test))


def test_every_invariant_has_a_mutation() -> None:
    assert {each.invariant for each in MUTATIONS} == set(range(1, 14))


def test_mutations_change_what_is_shipped_and_never_a_test() -> None:
    assert not [edit.file for each in MUTATIONS for edit in each.edits if edit.file.startswith("tests/")]


def test_mutations_are_told_apart_by_what_they_take_away() -> None:
    names = [(each.invariant, each.mechanism) for each in MUTATIONS]
    assert len(set(names)) == len(names)


def test_invariants_page_has_the_table_of_mutations() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == renewed(page), "run: python -m tests.mutation --write docs/invariants.md"


def test_invariants_page_names_tests_that_exist() -> None:
    named = named_in(PAGE)
    assert len(named) > len(MUTATIONS)
    assert [name for name in named if not exists(name)] == []


def test_edit_of_text_that_is_not_there_once_is_refused() -> None:
    edit = Edit("indexer/writer.py", "a = 1", "a = 2")
    assert edit.applied("a = 1\nb = 1\n") == "a = 2\nb = 1\n"
    for text in ("b = 1\n", "a = 1\na = 1\n"):
        with pytest.raises(CodeHasChanged, match="adapt the mutation"):
            edit.applied(text)


MUTATION = Mutation(1, "it", "migrations/x.sql", "a", "b", "tests/test_a.py::test_a[embedded]")


def ran(code: int, *ended: Ended, schema: str = "changed") -> Ran:
    return Ran(code, "output", Report(ended, (), schema))


def phase(name: str, test: str = "tests/test_a.py::test_a[embedded]", reason: str = "assert 1 == 2") -> Ended:
    return Ended(test, name, passed=False, seconds=0.1, reason=reason)


@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [
        (ran(1, phase("call")), Verdict.RED),
        (ran(0), Verdict.SURVIVED),
        (ran(1, phase("setup")), Verdict.BROKEN),
        (ran(1, phase("call", test="tests/test_a.py::test_b")), Verdict.BROKEN),
        (ran(1, phase("call", reason="NameError: name 'x' is not defined")), Verdict.BROKEN),
        (ran(1, phase("call"), schema="as it was"), Verdict.BROKEN),
        (ran(2), Verdict.BROKEN),
        (Ran(4, "no such test", None), Verdict.BROKEN),
    ],
    ids=["red", "green", "setup", "another test", "no behaviour", "old schema", "collection", "usage"],
)
def test_judge_calls_red_only_what_the_named_test_saw(outcome: Ran, verdict: Verdict) -> None:
    assert judge(MUTATION, outcome, "as it was")[0] is verdict
