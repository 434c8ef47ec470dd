"""Runs the named tests on the code as it is, then once per mutation, and judges each outcome."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from tests.mutation.mutation import Mutation, function_of
from tests.mutation.scratch import Ran, Scratch, scratch

# A mutant that fails so was never asked the question: its text is wrong.
_NO_BEHAVIOUR = ("NameError", "ImportError", "ModuleNotFoundError", "SyntaxError", "IndentationError")
_FAILED = 1  # pytest: tests were collected and run, some failed


class Verdict(Enum):
    """RED is what a mutation is for."""

    RED = "red"
    SURVIVED = "SURVIVED"
    BROKEN = "BROKEN"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one mutation; `said` is the first line of what its test complained about."""

    mutation: Mutation
    verdict: Verdict
    seconds: float
    said: str


def run(mutations: Sequence[Mutation]) -> int:
    """Print a table, one line per mutation; 0 when every one of them turned its test red."""
    with scratch() as copy:
        copy.require_imported()
        tests = list(dict.fromkeys(each.test for each in mutations))
        _say(f"{len(tests)} tests on the code as it is …")
        baseline = copy.run(tests, stop_at_first=False)
        if baseline.code != 0 or baseline.report is None:
            _say(baseline.output)
            _say("the tests fail without any mutation; nothing can be shown")
            return 1
        outcomes = []
        for position, mutation in enumerate(mutations, 1):
            outcome = _outcome(copy, mutation, baseline.report.schema)
            outcomes.append(outcome)
            _say(_line(position, len(mutations), outcome))
    survivors = [each for each in outcomes if each.verdict is not Verdict.RED]
    seconds = sum(each.seconds for each in outcomes)
    _say(f"{len(outcomes) - len(survivors)} of {len(outcomes)} mutations turned red in {seconds:.0f} s")
    return 1 if survivors else 0


def _outcome(copy: Scratch, mutation: Mutation, schema: str) -> Outcome:
    started = time.monotonic()
    with copy.changed(mutation.edits):
        ran = copy.run([mutation.test], stop_at_first=True)
    verdict, said = judge(mutation, ran, schema)
    return Outcome(mutation, verdict, time.monotonic() - started, said)


def judge(mutation: Mutation, ran: Ran, schema: str) -> tuple[Verdict, str]:
    """Red only where the named test itself ran and failed by what it saw."""
    if ran.code == 0:
        return Verdict.SURVIVED, "its test stayed green"
    if ran.report is None or ran.code != _FAILED:
        return Verdict.BROKEN, f"pytest ended with {ran.code}:\n{ran.output}"
    if mutation.changes_schema and ran.report.schema == schema:
        return Verdict.BROKEN, "the changed migration was not used"
    failed = [each for each in ran.report.ended if not each.passed]
    for each in failed:
        if each.phase != "call" or function_of(each.test) != function_of(mutation.test):
            return Verdict.BROKEN, f"{each.phase} of {each.test}: {each.reason}"
        if each.reason.startswith(_NO_BEHAVIOUR):
            return Verdict.BROKEN, each.reason
    return Verdict.RED, failed[0].reason.partition("\n")[0]


def _line(position: int, of: int, outcome: Outcome) -> str:
    mutation = outcome.mutation
    return (
        f"{position:3}/{of}  {outcome.verdict.value:8}  {outcome.seconds:5.1f} s  invariant {mutation.invariant:<2}"
        f"  without: {mutation.mechanism}\n{'':29}{mutation.test.removeprefix('tests/')}\n"
        f"{'':29}{outcome.said if outcome.verdict is Verdict.BROKEN else outcome.said[:120]}"
    )


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
