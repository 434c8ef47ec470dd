"""Which parallel worker runs which test: whoever is free takes the next, and what is made once is made once.

The slow folders come first in the alphabet, so that the quick unit tests fill the end of the run.
"""

from functools import cache

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from tests.shared_server import REPOSITORY

QUICK = "tests/unit/"


class Schedule(LoadScopeScheduling):  # type: ignore[misc]
    """One test at a time; a whole module where its tests share a fixture, or where each takes no time."""

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        return module if module.startswith(QUICK) or shares_fixture(module) else nodeid


@cache
def shares_fixture(module: str) -> bool:
    """Whether a fixture of the module is made once for all its tests: on two workers it would be twice."""
    return 'fixture(scope="module")' in (REPOSITORY / module).read_text(encoding="utf-8")
