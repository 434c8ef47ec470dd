"""What a driver error means for the caller: wait and try again, or stop.

DatabaseError
├── Retryable: Unavailable, LockTimeout, StatementTimeout, Conflict (Deadlock, SerializationFailure),
│              UniqueConflict, DiskFull, OutOfResources
├── Fatal:     PrivilegeMissing, SchemaMissing, SchemaOutdated, SchemaNewer, AccessRefused, InvalidData,
│              Misuse
└── Refused:   a rule of the schema said no, and says which and why
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import asyncpg
import psycopg

PRIVILEGE_MISSING = "42501"
PROTOCOL_VIOLATION = "08P01"


class DatabaseError(Exception):
    """Anything PostgreSQL or the way to it refused. `sqlstate` is None when the server never answered."""

    constraint: str | None = None
    """The constraint that was violated, where there is one."""

    def __init__(self, message: str, *, sqlstate: str | None = None) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


class Retryable(DatabaseError):
    """Waiting can mend it; the transaction was rolled back or never began."""


class Fatal(DatabaseError):
    """Waiting cannot mend it: a person must change the database, its privileges or the code."""


class Unavailable(Retryable):
    """No server, no connection slot, a restart, a standby, a broken network."""


class LockTimeout(Retryable):
    """Another transaction held the lock for longer than lock_timeout."""


class StatementTimeout(Retryable):
    """The statement ran for longer than statement_timeout, or an operator cancelled it."""


class Conflict(Retryable):
    """Two transactions were in each other's way and this one lost."""


class Deadlock(Conflict):
    pass


class SerializationFailure(Conflict):
    pass


class UniqueConflict(Retryable):
    """Another transaction wrote the same key or an overlapping range first; read again, then decide."""


class DiskFull(Retryable):
    """The server's disk is full. Nothing was committed; it goes on when there is room."""


class OutOfResources(Retryable):
    """Memory or the lock table is exhausted; see max_locks_per_transaction if it persists."""


class AccessRefused(Fatal):
    """The user, password, database or pg_hba.conf entry is wrong."""


class PrivilegeMissing(Fatal):
    """The role may not do this; `statements` are what an administrator would run."""

    def __init__(self, message: str, *, statements: Sequence[str] = (), sqlstate: str | None = None) -> None:
        self.statements = tuple(statements)
        advice = "".join(f"\n  {statement}" for statement in self.statements)
        if advice:
            advice = f"\nAn administrator can mend it with:{advice}"
        super().__init__(f"{message}{advice}", sqlstate=sqlstate)


class SchemaMissing(Fatal):
    """A schema, table, column or function is not there: the database was never migrated."""


class SchemaOutdated(Fatal):
    """The code knows migrations that the database lacks; `pending` names them."""

    def __init__(self, pending: Sequence[str]) -> None:
        self.pending = tuple(pending)
        super().__init__(
            f"the database lacks {len(self.pending)} migration(s): {', '.join(self.pending)};"
            " run `pend-index db migrate`"
        )


class SchemaNewer(Fatal):
    """The database holds migrations that this code does not know; `unknown` names them."""

    def __init__(self, unknown: Sequence[str]) -> None:
        self.unknown = tuple(unknown)
        super().__init__(
            f"the database holds {len(self.unknown)} migration(s) unknown to this version:"
            f" {', '.join(self.unknown)}; run the version that made them, or a later one"
        )


class InvalidData(Fatal):
    """A value PostgreSQL cannot store: out of range, null where none may be, a violated check."""


class Refused(DatabaseError):
    """A rule of migrations/0014: `status` is the HTTP status, `rule` its name, `why` is for people."""

    @property
    def status(self) -> int:
        return int((self.sqlstate or "PW409")[2:])

    @property
    def rule(self) -> str:
        return self.constraint or ""

    @property
    def why(self) -> str:
        return str(self).removesuffix(f" ({self.sqlstate})")


class Misuse(Fatal):
    """A statement or a use of the driver that is wrong in itself: a fault of this code."""


# By SQLSTATE: five characters first, then the class (the first two). Every class that PostgreSQL
# documents is here; https://www.postgresql.org/docs/current/errcodes-appendix.html
BY_SQLSTATE: dict[str, type[DatabaseError]] = {
    "23505": UniqueConflict,
    "23P01": UniqueConflict,
    "25006": Unavailable,  # read-only transaction: a standby after a failover
    "25P03": Unavailable,  # idle_in_transaction_session_timeout closed the session
    "25P04": Unavailable,
    "28000": AccessRefused,
    "28P01": AccessRefused,
    "3D000": AccessRefused,
    "3F000": SchemaMissing,
    "40001": SerializationFailure,
    "40P01": Deadlock,
    "42501": PrivilegeMissing,
    "42703": SchemaMissing,
    "42704": SchemaMissing,
    "42883": SchemaMissing,
    "42P01": SchemaMissing,
    "53100": DiskFull,
    "53300": Unavailable,
    "55P03": LockTimeout,
    "55006": Conflict,  # object in use
    "57014": StatementTimeout,
    "58030": DiskFull,  # I/O error: the disk or its quota
}
BY_CLASS: dict[str, type[DatabaseError]] = {
    "00": Misuse,
    "01": Misuse,
    "02": Misuse,
    "03": Misuse,
    "08": Unavailable,
    "09": InvalidData,
    "0A": Misuse,
    "0B": Misuse,
    "0F": Misuse,
    "0L": PrivilegeMissing,
    "0P": AccessRefused,
    "0Z": Misuse,
    "10": Misuse,
    "20": Misuse,
    "21": Misuse,
    "22": InvalidData,
    "23": InvalidData,
    "24": Misuse,
    "25": Misuse,
    "26": Misuse,
    "27": Misuse,
    "28": AccessRefused,
    "2B": Misuse,
    "2D": Misuse,
    "2F": Misuse,
    "34": Misuse,
    "38": Misuse,
    "39": Misuse,
    "3B": Misuse,
    "3D": AccessRefused,
    "3F": SchemaMissing,
    "40": Conflict,
    "42": Misuse,
    "44": InvalidData,
    "53": OutOfResources,
    "54": InvalidData,
    "55": Misuse,
    "57": Unavailable,
    "58": Unavailable,
    "72": Retryable,
    "F0": Fatal,
    "HV": Fatal,
    "P0": Misuse,
    "PW": Refused,
    "TS": Misuse,  # TimescaleDB's own
    "XX": Fatal,
}

# libpq keeps the SQLSTATE of a refused connection to itself; asyncpg hands it over. A server that
# speaks another language than English is then reported as unavailable, with its own words.
REFUSED_AT_THE_DOOR = re.compile(
    r"FATAL:.*(authentication failed|does not exist|no pg_hba\.conf entry|not permitted to log in"
    r"|permission denied for database|not currently accepting connections)"
)

DRIVER_ERRORS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    psycopg.Error,
    OSError,
    TimeoutError,
    EOFError,
)


def translate(error: BaseException) -> DatabaseError | None:
    """Our error for a driver's, a socket's or a timer's; None for one that did not come from the database."""
    if isinstance(error, DatabaseError):
        return error
    sqlstate = getattr(error, "sqlstate", None)
    if isinstance(sqlstate, str):
        ours = _from_sqlstate(sqlstate, _describe(error))
        diagnosis = getattr(error, "diag", None)  # psycopg's
        ours.constraint = getattr(diagnosis or error, "constraint_name", None)
        return ours
    if isinstance(error, asyncpg.InterfaceError):
        # asyncpg has one class for a lost connection and for misuse; only a closed one can be reopened.
        lost = isinstance(error, asyncpg.exceptions.ConnectionDoesNotExistError) or "clos" in str(error)
        # A session that is ended within a transaction: a statement or COPY meets the end, and then the
        # rollback finds it, which nothing will answer, "in progress". What counts is what came first.
        context = error.__context__
        lost = lost or (context is not None and isinstance(translate(context), Unavailable))
        return (Unavailable if lost else Misuse)(_describe(error))
    if isinstance(error, psycopg.OperationalError) and REFUSED_AT_THE_DOOR.search(str(error)):
        return AccessRefused(_describe(error))
    # InternalClientError is what asyncpg says when a statement meets the end of its connection.
    if isinstance(
        error, psycopg.OperationalError | asyncpg.InternalClientError | OSError | TimeoutError | EOFError
    ):
        return Unavailable(f"database unreachable: {_describe(error)}")
    if isinstance(error, asyncpg.PostgresError | psycopg.Error):
        return Misuse(_describe(error))
    return None


@contextmanager
def translated() -> Iterator[None]:
    """Whatever the driver raises inside leaves as one of ours."""
    try:
        yield
    except DRIVER_ERRORS as error:
        ours = translate(error)
        if ours is None:
            raise
        raise ours from error


def _from_sqlstate(sqlstate: str, message: str) -> DatabaseError:
    kind = BY_SQLSTATE.get(sqlstate) or BY_CLASS.get(sqlstate[:2], Fatal)
    if sqlstate == PROTOCOL_VIOLATION and "message" in message:
        # PostgreSQL complains so about bytes we sent (a malformed binary COPY): repeating them is vain.
        # PgBouncer has the same code for every outage of its own, in other words.
        kind = Misuse
    return kind(f"{message} ({sqlstate})", sqlstate=sqlstate)


def _describe(error: BaseException) -> str:
    """The first line: later lines of libpq's and PostgreSQL's messages repeat hosts or rows."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
