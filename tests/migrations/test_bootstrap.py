"""A cluster nobody has prepared: who may prepare it, and what is asked of whoever may not."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

import migrations
from postgres.embedded import FAST_AND_LOSABLE, EmbeddedPostgres
from postgres.errors import PrivilegeMissing
from postgres.migrations import known_migrations, migrate


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(tmp_path / "postgres", settings=FAST_AND_LOSABLE) as server:
        yield server


def dsn_as(cluster: EmbeddedPostgres, user: str) -> str:
    return f"postgresql://{user}:secret@127.0.0.1:{cluster.port}/shop"


def administer(cluster: EmbeddedPostgres, *statements: str, database: str = "postgres") -> None:
    with psycopg.connect(cluster.dsn(database), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def test_migrate_as_nobody_asks_for_every_role_and_right_at_once(cluster: EmbeddedPostgres) -> None:
    administer(cluster, "CREATE ROLE visitor LOGIN PASSWORD 'secret'", "CREATE DATABASE shop")

    with pytest.raises(PrivilegeMissing) as refused:
        migrate(dsn_as(cluster, "visitor"))

    assert refused.value.statements == (
        'CREATE ROLE "pend_owner" NOLOGIN;',
        'CREATE ROLE "pend_definer" NOLOGIN;',
        'CREATE ROLE "pend_indexer" NOLOGIN;',
        'CREATE ROLE "pend_writer" NOLOGIN;',
        'CREATE ROLE "pend_worker" NOLOGIN;',
        'CREATE ROLE "pend_explorer" NOLOGIN;',
        'GRANT "pend_owner" TO "visitor";',
        'GRANT CREATE ON DATABASE "shop" TO "pend_owner";',
        'GRANT "pend_definer" TO "pend_owner";',
    )
    administer(cluster, *refused.value.statements)
    assert migrate(dsn_as(cluster, "visitor")) == known_migrations(migrations.FOLDER)


def test_migrate_as_owner_of_the_database_who_may_create_roles_needs_nobody(
    cluster: EmbeddedPostgres,
) -> None:
    administer(
        cluster,
        "CREATE ROLE keeper LOGIN PASSWORD 'secret' CREATEROLE",
        "CREATE DATABASE shop OWNER keeper",
    )

    assert migrate(dsn_as(cluster, "keeper")) == known_migrations(migrations.FOLDER)


def test_migrate_as_pend_owner_itself_needs_only_the_database(cluster: EmbeddedPostgres) -> None:
    administer(
        cluster,
        "CREATE ROLE pend_owner LOGIN PASSWORD 'secret'",
        "CREATE ROLE pend_definer",
        "CREATE ROLE pend_indexer",
        "CREATE ROLE pend_writer",
        "CREATE ROLE pend_worker",
        "CREATE ROLE pend_explorer",
        "GRANT pend_definer TO pend_owner",
        "CREATE DATABASE shop OWNER pend_owner",
    )

    assert migrate(dsn_as(cluster, "pend_owner")) == known_migrations(migrations.FOLDER)
