"""Every mutation, by invariant, and the table of them for docs/invariants.md."""

import re

from tests.mutation import (
    auditing,
    bounding,
    checking,
    deriving,
    exploring,
    isolating,
    relaying,
    storing,
)
from tests.mutation.mutation import Mutation, function_of

MUTATIONS: tuple[Mutation, ...] = (
    *storing.ALL_OR_NOTHING,
    *storing.LINKED,
    *storing.ONE_CHAIN,
    *storing.REPLAY,
    *checking.LIGHT,
    *checking.FULL,
    *checking.USED,
    *bounding.BOUNDED,
    *bounding.RECOMPUTED,
    *deriving.IN_ORDER,
    *deriving.TAKEN_BACK,
    *deriving.COMPARED,
    *bounding.ONE_WRITER,
    *bounding.ONE_NETWORK,
    *bounding.OUTBOX_ORDER,
    *relaying.RELAYED,
    *exploring.SERVED,
    *isolating.ISOLATED,
    *auditing.ACCOUNTED,
)

_PLACE = re.compile(r"(<!-- mutations -->\n).*?(<!-- /mutations -->)", re.DOTALL)


def table() -> str:
    """One row per mutation: what is taken away, where, and the test that turns red."""
    rows = ["| # | Taken away | In | Turns red |", "|---|---|---|---|"]
    for each in MUTATIONS:
        test = function_of(each.test).removeprefix("tests/")
        rows.append(f"| {each.invariant} | {each.mechanism} | `{each.file}` | `{test}` |")
    return "\n".join(rows) + "\n"


def renewed(page: str) -> str:
    """`page` with the table between its `<!-- mutations -->` and `<!-- /mutations -->` written anew."""
    if _PLACE.search(page) is None:
        raise ValueError(
            "the page has no place for the table: add <!-- mutations --> and <!-- /mutations -->"
        )
    return _PLACE.sub(lambda found: f"{found[1]}{table()}{found[2]}", page)
