"""`pend-write admin`: the first administrators, and the way back in when nobody else can help."""

from collections.abc import Iterator

import psycopg
import pytest

from tests.database import DatabaseServer
from tests.integration.write_api.offices import KeyFolder, command
from write_api.credentials import setup_tokens


@pytest.fixture
def dsn(embedded_home: DatabaseServer) -> Iterator[str]:
    """A database without administrators."""
    made = embedded_home.create(template=embedded_home.template())
    yield made
    embedded_home.drop(made)


def _row(dsn: str, email: str) -> dict[str, object]:
    with psycopg.connect(dsn, row_factory=psycopg.rows.dict_row) as connection:
        found = connection.execute("SELECT * FROM account.admin_users WHERE email = %s", (email,)).fetchone()
        assert found is not None
        return found


def test_the_first_super_admin_is_made_once_reset_and_never_the_last_to_go(
    dsn: str, key_folder: KeyFolder
) -> None:
    """In one go: each command is a process of its own."""
    who = ("--email", "Root@pend.example", "--name", "Root", "--role", "super_admin")
    created = command(dsn, key_folder, "admin", "create", *who)
    assert created.returncode == 0, created.stderr
    token = created.stdout.strip()
    row = _row(dsn, "root@pend.example")
    assert row["setup_hash"] == setup_tokens.digest(token)
    assert token not in created.stderr

    again = command(dsn, key_folder, "admin", "create", *who)
    assert (again.returncode, again.stdout) == (2, "")
    assert "has this e-mail already" in again.stderr

    reset = command(dsn, key_folder, "admin", "reset-mfa", "root@pend.example")
    assert _row(dsn, "root@pend.example")["setup_hash"] == setup_tokens.digest(reset.stdout.strip())
    assert reset.stdout.strip() != token

    last = command(dsn, key_folder, "admin", "disable", "root@pend.example")
    assert last.returncode == 2
    assert "last super_admin" in last.stderr
    assert _row(dsn, "root@pend.example")["is_active"]

    listed = command(dsn, key_folder, "admin", "list").stdout.split()
    assert listed[:4] == ["root@pend.example", "super_admin", "invited", "last"]


def test_an_unknown_e_mail_is_told(write_dsn: str, key_folder: KeyFolder) -> None:
    unknown = command(write_dsn, key_folder, "admin", "reset-mfa", "nobody@pend.example")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "no administrator has this e-mail" in unknown.stderr


def test_a_login_that_does_not_own_the_schema_is_told(
    write_dsn: str, key_folder: KeyFolder, embedded_home: DatabaseServer
) -> None:
    with psycopg.connect(write_dsn, autocommit=True) as connection:
        connection.execute("CREATE ROLE admin_command_login LOGIN PASSWORD 'p' IN ROLE pend_writer")
    try:
        database = write_dsn.rsplit("/", 1)[1]
        login = embedded_home.dsn_of(database, user="admin_command_login", password="p")
        refused = command(login, key_folder, "admin", "list")
        assert refused.returncode not in {0, 1}
        assert "owner of the schema" in refused.stderr
    finally:
        with psycopg.connect(write_dsn, autocommit=True) as connection:
            connection.execute("DROP ROLE admin_command_login")
