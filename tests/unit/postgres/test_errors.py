"""Every error the drivers can raise has one meaning for the caller."""

import asyncio
import inspect
import re
import ssl

import asyncpg
import psycopg
import pytest
from asyncpg import exceptions as asyncpg_exceptions
from psycopg import errors as psycopg_errors

from postgres import errors
from postgres.errors import (
    BY_CLASS,
    BY_SQLSTATE,
    DatabaseError,
    Fatal,
    Refused,
    Retryable,
    translate,
    translated,
)

SQLSTATE = re.compile(r"^[0-9A-Z]{5}$")


def exceptions_of(module: object, base: type[BaseException]) -> list[type[BaseException]]:
    found = {kind for _, kind in inspect.getmembers(module, inspect.isclass) if issubclass(kind, base)}
    return sorted(found, key=lambda kind: kind.__name__)


def instance(kind: type[BaseException]) -> BaseException:
    error = kind.__new__(kind)
    BaseException.__init__(error, "what the server said\nDETAIL: a second line")
    return error


@pytest.mark.parametrize(
    "kind", exceptions_of(asyncpg_exceptions, asyncpg.PostgresError), ids=lambda k: k.__name__
)
def test_translate_asyncpg_server_error_is_retryable_or_fatal(kind: type[BaseException]) -> None:
    ours = translate(instance(kind))

    assert isinstance(ours, Retryable | Fatal)
    assert "what the server said" in str(ours)
    assert "second line" not in str(ours)
    sqlstate = getattr(kind, "sqlstate", None)
    if sqlstate is not None:
        assert ours.sqlstate == sqlstate
        assert sqlstate in BY_SQLSTATE or sqlstate[:2] in BY_CLASS


@pytest.mark.parametrize(
    "end",
    [
        asyncpg.InternalClientError("cannot switch to state 21; another operation (2) is in progress"),
        asyncpg.exceptions.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
        asyncpg.exceptions.AdminShutdownError("terminating connection due to administrator command"),
        ConnectionResetError(),
    ],
    ids=lambda end: type(end).__name__,
)
def test_translate_rollback_of_a_session_that_ended_within_a_transaction_is_an_outage(
    end: Exception,
) -> None:
    rollback = asyncpg.InterfaceError("cannot perform operation: another operation is in progress")
    assert isinstance(translate(rollback), errors.Misuse)
    rollback.__context__ = end
    assert isinstance(translate(rollback), errors.Unavailable)


@pytest.mark.parametrize("kind", exceptions_of(psycopg_errors, psycopg.Error), ids=lambda k: k.__name__)
def test_translate_psycopg_error_is_retryable_or_fatal(kind: type[BaseException]) -> None:
    ours = translate(instance(kind))

    assert isinstance(ours, Retryable | Fatal)
    sqlstate = getattr(kind, "sqlstate", None)
    if sqlstate is not None:
        assert sqlstate in BY_SQLSTATE or sqlstate[:2] in BY_CLASS


@pytest.mark.parametrize(
    "kind", exceptions_of(asyncpg_exceptions, asyncpg.InterfaceError), ids=lambda kind: kind.__name__
)
def test_translate_asyncpg_interface_error_is_retryable_or_fatal(kind: type[BaseException]) -> None:
    assert isinstance(translate(kind("what the driver said")), Retryable | Fatal)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(111, "refused"),
        ConnectionResetError(104, "reset"),
        OSError(113, "no route to host"),
        TimeoutError(),
        ssl.SSLError("handshake"),
        EOFError(),
        asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.InterfaceError("pool is closing"),
        asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress"),
        psycopg.OperationalError("connection refused"),
    ],
    ids=repr,
)
def test_translate_lost_connection_is_unavailable(error: BaseException) -> None:
    assert isinstance(translate(error), errors.Unavailable)


@pytest.mark.parametrize(
    ("sqlstate", "meaning"),
    [
        ("57P01", errors.Unavailable),
        ("57P03", errors.Unavailable),
        ("53300", errors.Unavailable),
        ("25006", errors.Unavailable),
        ("55P03", errors.LockTimeout),
        ("57014", errors.StatementTimeout),
        ("40P01", errors.Deadlock),
        ("40001", errors.SerializationFailure),
        ("23505", errors.UniqueConflict),
        ("23P01", errors.UniqueConflict),
        ("53100", errors.DiskFull),
        ("53200", errors.OutOfResources),
        ("42501", errors.PrivilegeMissing),
        ("42P01", errors.SchemaMissing),
        ("3F000", errors.SchemaMissing),
        ("42883", errors.SchemaMissing),
        ("28P01", errors.AccessRefused),
        ("3D000", errors.AccessRefused),
        ("22003", errors.InvalidData),
        ("23502", errors.InvalidData),
        ("42601", errors.Misuse),
        ("XX001", errors.Fatal),
    ],
)
def test_translate_known_sqlstate_means(sqlstate: str, meaning: type[DatabaseError]) -> None:
    ours = translate(asyncpg.PostgresError.new({"C": sqlstate, "M": "said", "S": "ERROR"}))

    assert type(ours) is meaning
    assert ours.sqlstate == sqlstate


def test_translate_sqlstate_nobody_documented_is_fatal() -> None:
    assert type(translate(asyncpg.PostgresError.new({"C": "ZZ123", "M": "said", "S": "ERROR"}))) is Fatal


@pytest.mark.parametrize(
    ("message", "meaning"),
    [
        ("insufficient data left in message", errors.Misuse),
        ("invalid message format", errors.Misuse),
        ("server conn crashed?", errors.Unavailable),
        ("query_wait_timeout", errors.Unavailable),
    ],
)
def test_translate_protocol_violation_tells_our_bytes_from_a_pooler_outage(
    message: str, meaning: type[DatabaseError]
) -> None:
    theirs = asyncpg.PostgresError.new({"C": "08P01", "M": message, "S": "ERROR"})

    assert type(translate(theirs)) is meaning


def test_translate_leaves_other_errors_alone() -> None:
    assert translate(ValueError("not the database")) is None


def test_translated_raises_ours_from_theirs() -> None:
    theirs = ConnectionRefusedError("refused")

    with pytest.raises(errors.Unavailable) as raised, translated():
        raise theirs

    assert raised.value.__cause__ is theirs


@pytest.mark.parametrize("error", [ValueError("x"), errors.SchemaNewer(["9"]), asyncio.CancelledError()])
def test_translated_lets_other_errors_through(error: BaseException) -> None:
    with pytest.raises(type(error)) as raised, translated():
        raise error

    assert raised.value is error


def test_tables_hold_nothing_but_sqlstates_and_branches_of_the_tree() -> None:
    assert all(SQLSTATE.match(sqlstate) for sqlstate in BY_SQLSTATE)
    assert all(len(prefix) == 2 for prefix in BY_CLASS)
    assert all(
        issubclass(kind, Retryable | Fatal | Refused) for kind in [*BY_SQLSTATE.values(), *BY_CLASS.values()]
    )


def test_privilege_missing_without_advice_adds_nothing_to_the_message() -> None:
    assert str(errors.PrivilegeMissing("may not")) == "may not"


def test_refused_login_of_libpq_is_told_from_an_absent_server() -> None:
    refused = psycopg.OperationalError(
        'connection failed: FATAL:  password authentication failed for user "x"'
    )

    assert isinstance(translate(refused), errors.AccessRefused)


def test_translate_a_rule_of_the_schema_says_status_rule_and_why() -> None:
    raised = psycopg_errors.Error("the deadline was yesterday\nCONTEXT: a function")
    raised.sqlstate = "PW409"

    refused = translate(raised)

    assert isinstance(refused, Refused)
    assert (refused.status, refused.rule, refused.why) == (409, "", "the deadline was yesterday")
