"""What a database needs before its first migration and only a privileged user can give.

Roles, the owner's right to create schemas, the extension. Whatever is missing and refused is reported
at once as statements for an administrator; nothing here fails because another database did it first.
"""

from typing import Any

import psycopg
from psycopg import errors
from psycopg.rows import dict_row
from psycopg.sql import SQL, Composed, Identifier

from postgres.capabilities import Capabilities, from_rows, queries
from postgres.errors import PRIVILEGE_MISSING, PrivilegeMissing

OWNER = "pend_owner"
DEFINER = "pend_definer"
"""Owns what acts for everybody: the one role that row-level security lets through. Nobody logs in as it."""
ROLES = (OWNER, DEFINER, "pend_indexer", "pend_writer", "pend_worker", "pend_explorer")

Session = psycopg.Connection[dict[str, Any]]


def connect(dsn: str, *, connect_timeout_s: int = 10) -> Session:
    """A session in autocommit mode whose cursors take the `$1` of sql/."""
    return psycopg.connect(
        dsn,
        autocommit=True,
        row_factory=dict_row,
        cursor_factory=psycopg.RawCursor,
        connect_timeout=connect_timeout_s,
        application_name="pend-migrate",
        # No parameterised plan outlives its statement: a pooler in between need not keep sessions.
        prepare_threshold=None,
    )


def detect(session: Session) -> Capabilities:
    server = session.execute(queries.select_server.sql).fetchone()
    assert server is not None
    hypertables: list[str] = []
    if server["timescale_version"] is not None:
        hypertables = [row["fact"] for row in session.execute(queries.select_hypertables.sql)]
    return from_rows(server, hypertables)


def has_facts(session: Session) -> bool:
    row = session.execute(queries.select_server.sql).fetchone()
    return row is not None and row["has_facts"]


def prepare(session: Session, *, extension: bool) -> None:
    """Give the database its roles and, when asked, TimescaleDB; then act as the owner.

    Raises `PrivilegeMissing` with every statement that was refused.
    """
    refused: list[Composed] = []
    _create_roles(session, refused)
    if not _become_owner(session):
        row = session.execute(queries.select_session.sql).fetchone()
        assert row is not None
        grant = SQL("GRANT {} TO {}").format(Identifier(OWNER), Identifier(row["login"]))
        _attempt(session, grant, refused)
    session.execute("RESET ROLE")
    _let_owner_create(session, refused)
    _let_owner_hand_over(session, refused)
    if extension:
        _attempt(session, SQL("CREATE EXTENSION IF NOT EXISTS {}").format(Identifier("timescaledb")), refused)
    if refused or not _become_owner(session):
        raise PrivilegeMissing(
            "this user may not prepare the database",
            statements=[f"{statement.as_string(session)};" for statement in refused],
            sqlstate=PRIVILEGE_MISSING,
        )


def _create_roles(session: Session, refused: list[Composed]) -> None:
    present = {row["role"] for row in session.execute(queries.select_roles.sql, (list(ROLES),))}
    for role in ROLES:
        if role not in present:
            _attempt(session, SQL("CREATE ROLE {} NOLOGIN").format(Identifier(role)), refused)


def _let_owner_create(session: Session, refused: list[Composed]) -> None:
    row = session.execute(queries.select_session.sql).fetchone()
    assert row is not None
    grant = SQL("GRANT CREATE ON DATABASE {} TO {}").format(Identifier(row["database"]), Identifier(OWNER))
    if _owner_may_create(session):
        return
    already_refused = len(refused)
    _attempt(session, grant, refused)
    # A grant by someone without the right to grant is a mere warning: look whether it took.
    if len(refused) == already_refused and not _owner_may_create(session):
        refused.append(grant)


def _let_owner_hand_over(session: Session, refused: list[Composed]) -> None:
    """What the owner creates for the definer is given to it by ALTER … OWNER, which asks for membership."""
    row = session.execute(queries.is_member.sql, (OWNER, DEFINER)).fetchone()
    if row is None or not row["is_member"]:
        _attempt(session, SQL("GRANT {} TO {}").format(Identifier(DEFINER), Identifier(OWNER)), refused)


def _owner_may_create(session: Session) -> bool:
    try:
        row = session.execute(queries.may_create_schemas.sql, (OWNER,)).fetchone()
    except errors.UndefinedObject:  # the role itself was refused
        return False
    return row is not None and row["has_database_privilege"]


def _become_owner(session: Session) -> bool:
    try:
        session.execute(SQL("SET ROLE {}").format(Identifier(OWNER)))
    except (errors.InsufficientPrivilege, errors.InvalidParameterValue):
        return False
    return True


def _attempt(session: Session, statement: Composed, refused: list[Composed]) -> None:
    try:
        session.execute(statement)
    except (errors.InsufficientPrivilege, errors.UndefinedObject):
        refused.append(statement)  # undefined: the role it names was refused before it
    except (errors.DuplicateObject, errors.UniqueViolation):
        # Roles belong to the cluster: a migration of a neighbouring database was faster.
        pass
