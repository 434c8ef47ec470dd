"""sql/ holds named queries in one format, and the code uses each of them."""

import ast
from pathlib import Path

import pytest

import sql
from postgres.queries import Kind, QueryFileMalformed, load, parse

REPOSITORY = sql.FOLDER.parent
SERVICES = sorted(path.name for path in sql.FOLDER.iterdir() if path.is_dir() and any(path.glob("*.sql")))
PACKAGES = ("evm", "node", "postgres", "service", "indexer", "explorer_api", "write_api", "devnet")
PATH = Path("sql/x/things.sql")
GOOD = "-- name: select_thing :one\n-- A thing.\n-- $1 id\nSELECT * FROM things WHERE id = $1::bigint;\n"


def names_used() -> set[str]:
    """Every attribute that any module of ours reads: `queries.select_thing` is one."""
    used: set[str] = set()
    for package in PACKAGES:
        for path in (REPOSITORY / package).rglob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            used |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return used


@pytest.mark.parametrize("service", SERVICES)
def test_every_query_is_used(service: str) -> None:
    used = names_used()

    assert [query.name for query in load(service) if query.name not in used] == []


def test_parse_reads_name_kind_purpose_and_statement() -> None:
    first, second = parse(PATH, GOOD + "\n-- name: drop_thing :exec\n-- Away.\n-- none\nDELETE FROM things\n")

    assert (first.name, first.kind, first.purpose, first.parameters) == (
        "select_thing",
        Kind.ONE,
        "A thing.",
        "$1 id",
    )
    assert first.sql == "SELECT * FROM things WHERE id = $1::bigint"
    assert (second.name, second.kind, second.sql) == ("drop_thing", Kind.EXEC, "DELETE FROM things")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "must begin"),
        ("SELECT 1;\n" + GOOD, "must begin"),
        (GOOD.replace(":one", ":some"), "known are one, many, value, exec"),
        (GOOD.replace("-- A thing.\n", ""), "one line of purpose"),
        (GOOD.replace("-- $1 id\n", ""), "one line of purpose"),
        ("-- name: nothing :one\n-- A thing.\n-- none\n;", "no statement"),
        ("-- name: nothing :one", "one line of purpose"),
    ],
)
def test_parse_malformed_file_says_what_is_wrong_and_where(text: str, fault: str) -> None:
    with pytest.raises(QueryFileMalformed, match=fault) as refused:
        list(parse(PATH, text))

    assert str(PATH) in str(refused.value)


def test_load_unknown_service_says_so() -> None:
    with pytest.raises(QueryFileMalformed, match="no queries here"):
        load("no_such_service")


def test_unknown_query_is_an_attribute_error_that_lists_the_known() -> None:
    queries = load("postgres")

    with pytest.raises(
        AttributeError, match=r"sql/postgres has no query select_servers; it has .*select_server"
    ):
        _ = queries.select_servers


async def test_query_called_as_another_kind_is_refused() -> None:
    query = load("postgres").select_server

    with pytest.raises(TypeError, match="select_server is :one, called as :many"):
        await query.many(None)  # type: ignore[arg-type]  # refused before any connection is used
