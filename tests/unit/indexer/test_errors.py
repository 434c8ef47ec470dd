import asyncio
import inspect
import pickle
from collections.abc import Iterator

import click
import pytest

import indexer.errors
from indexer.errors import (
    EXIT_CODES,
    BackfillIncomplete,
    CoverageConflict,
    CursorMoved,
    Fatal,
    FinalityViolated,
    IndexerError,
    MetricsUnavailable,
    NotDerived,
    RangeAboveHead,
    RebuildRunning,
    RebuildUndone,
    Refused,
    ReorgTooDeep,
    Retryable,
    SeamMismatch,
    SecondWriter,
    WorkerFailed,
    WorkersLost,
    WriterFenced,
    WrongNetwork,
    exit_code,
    explain,
)
from node.errors import MethodMissing, NodeError, NodeUnreachable, WrongChain, WrongGenesis
from postgres.errors import (
    AccessRefused,
    DatabaseError,
    Misuse,
    PrivilegeMissing,
    SchemaMissing,
    SchemaNewer,
    SchemaOutdated,
    Unavailable,
)
from service.redis import RedisUnavailable
from service.settings_faults import Fault, SettingsInvalid

A, B = b"\xaa" * 32, b"\xbb" * 32
WRONG_NETWORK = WrongNetwork(
    endpoint="besu:8545", expected_chain_id=1337, got_chain_id=1, expected_genesis=A, got_genesis=B
)
OURS: list[tuple[IndexerError, int]] = [
    (CursorMoved(7, A, None), 1),
    (CoverageConflict(1, 9, 5, 20), 1),
    (SeamMismatch(7, A, B), 1),
    (WriterFenced(1, 2), 7),
    (SecondWriter("pid 41"), 7),
    (WRONG_NETWORK, 5),
    (FinalityViolated(7, A, B), 6),
    (ReorgTooDeep(65, 64), 6),
    (BackfillIncomplete(list(range(12))), 1),
    (WorkersLost(10, -9), 1),
    (WorkerFailed("node h is down", 3), 3),
    (RangeAboveHead(1, 99, 50), 2),
    (MetricsUnavailable("h", 1, "in use"), 2),
    (NotDerived(["addresses"]), 2),
    (RebuildRunning(), 2),
    (RebuildUndone(9, 7), 1),
]
FOREIGN: list[tuple[BaseException, int]] = [
    (SettingsInvalid([Fault("a.b", "1", "is out of range", "an integer")]), 2),
    (click.UsageError("no such option"), 2),
    (NodeUnreachable("h", "refused"), 3),
    (MethodMissing("h", "eth_x", -32601), 3),
    (Unavailable("down"), 4),
    (AccessRefused("wrong password"), 4),
    (WrongChain("h", 1, 2), 5),
    (WrongGenesis("h", "0xaa", "0xbb"), 5),
    (SchemaMissing("chain.blocks"), 8),
    (SchemaOutdated(["0002"]), 8),
    (SchemaNewer(["0009"]), 8),
    (PrivilegeMissing("chain.blocks"), 9),
    (RedisUnavailable("h", "refused"), 10),
    (Misuse("bad statement"), 70),
    (KeyError("x"), 70),
    (KeyboardInterrupt(), 130),
    (asyncio.CancelledError(), 130),
]


def _classes() -> Iterator[type[IndexerError]]:
    for _, value in inspect.getmembers(indexer.errors, inspect.isclass):
        if issubclass(value, IndexerError) and value is not IndexerError:
            yield value


def test_tree_in_the_docstring_names_every_class() -> None:
    tree = indexer.errors.__doc__ or ""
    assert [kind.__name__ for kind in _classes() if kind.__name__ not in tree] == []


def test_every_leaf_has_an_example_here() -> None:
    leaves = {kind for kind in _classes() if kind not in (Retryable, Fatal, Refused)}
    assert leaves == {type(error) for error, _ in OURS}


@pytest.mark.parametrize(("error", "code"), [*OURS, *FOREIGN], ids=lambda value: type(value).__name__)
def test_exit_code_of_error_is_documented_one(error: BaseException, code: int) -> None:
    assert exit_code(error) == code
    assert code in EXIT_CODES


@pytest.mark.parametrize("error", [error for error, _ in OURS], ids=lambda value: type(value).__name__)
def test_error_crosses_process_boundary_whole(error: IndexerError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.__dict__) == (type(error), str(error), error.__dict__)


@pytest.mark.parametrize(
    "error",
    [error for error, _ in OURS if not isinstance(error, WorkerFailed)],
    ids=lambda value: type(value).__name__,
)
def test_explain_own_error_says_what_and_next_step(error: IndexerError) -> None:
    what, next_step = explain(error).split("\n")
    assert what == str(error)
    assert next_step == error.next_step
    assert next_step.endswith(".")


def test_explain_names_numbers_and_hashes() -> None:
    assert f"block 7 is final with hash 0x{'aa' * 32}, the node now answers 0x{'bb' * 32}" in explain(
        OURS[6][0]
    )
    assert "12 blocks could not be stored: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more" in explain(OURS[8][0])


def test_explain_foreign_error_hides_secrets() -> None:
    message, _next_step = explain(Unavailable("cannot reach postgresql://u:geheim@h/d")).split("\n")
    assert message == "cannot reach postgresql://u:***@h/d"


def test_explain_unexpected_error_names_its_type() -> None:
    assert explain(KeyError("x")) == "unexpected KeyError: 'x'"
    assert explain(ValueError()) == "unexpected ValueError: ValueError"


def test_group_of_errors_reports_what_no_waiting_mends() -> None:
    group = BaseExceptionGroup(
        "tasks",
        [
            asyncio.CancelledError(),
            NodeUnreachable("h", "refused"),
            ExceptionGroup("inner", [Unavailable("down"), FinalityViolated(7, A, B)]),
        ],
    )
    assert exit_code(group) == 6
    assert explain(group).startswith("block 7 is final")


def test_every_node_and_database_error_has_an_expected_code() -> None:
    def below(kind: type[BaseException]) -> Iterator[type[BaseException]]:
        for child in kind.__subclasses__():
            yield child
            yield from below(child)

    for kind in [*below(NodeError), *below(DatabaseError)]:
        assert exit_code(kind.__new__(kind)) in (3, 4, 5, 6, 8, 9, 70), kind


def test_explain_database_away_says_what_to_check() -> None:
    assert "database.dsn" in explain(Unavailable("database unreachable: connection refused"))


def test_explain_privilege_missing_says_who_must_act() -> None:
    assert "pend-index db migrate" in explain(PrivilegeMissing("permission denied for table blocks"))


def test_range_from_above_the_head_on_names_where_it_begins() -> None:
    assert str(RangeAboveHead(500, 20, 20)).startswith("blocks from 500 on were asked for")
