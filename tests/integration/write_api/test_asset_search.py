"""Lists and search of assets: every row once, in order, as plain SQL says."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import psycopg
import pytest

from tests.integration.write_api.offices import Client

Admins = Callable[[str], Client]
Sql = psycopg.Connection[psycopg.rows.DictRow]


@pytest.fixture
def category(sql: Sql) -> str:
    """Sixty assets of a category of its own: two types, four states, several made at the same instant."""
    mark = f"c{uuid4().hex}"
    sql.execute(
        """
        INSERT INTO assets (contract_address, type, title, description, category, location, status, created_at)
        SELECT CASE WHEN n %% 3 > 0 THEN substr(sha256(convert_to(%(mark)s || n, 'UTF8')), 1, 20) END,
               CASE WHEN n %% 3 > 0 THEN 'investment' ELSE 'interest' END,
               CASE WHEN n %% 5 = 0 THEN 'Harbour warehouse ' || n WHEN n %% 4 = 0 THEN 'Solar field ' || n
                    ELSE 'Residence ' || n END,
               CASE WHEN n %% 7 = 0 THEN 'near the harbour, solar roof' ELSE 'a quiet street' END,
               %(mark)s, CASE WHEN n %% 2 = 0 THEN 'Aswan' ELSE 'Port Said' END,
               (ARRAY['draft', 'active', 'active', 'paused', 'closed'])[1 + (n / 2) %% 5],
               timestamptz '2025-01-01 00:00Z' + (n / 4) * interval '1 hour'
        FROM generate_series(1, 60) AS n
        """,
        {"mark": mark},
    )
    return mark


async def _walk(client: Client, **asked: Any) -> list[str]:
    """Ids of every page to the end."""
    found: list[str] = []
    cursor = None
    while True:
        query = asked | ({} if cursor is None else {"cursor": cursor})
        page = await client.get(f"/assets?{urlencode(query)}")
        assert len(page["data"]) <= asked["limit"]
        found += [row["id"] for row in page["data"]]
        cursor = page["next"]
        if cursor is None:
            return found


def _ids(sql: Sql, where: str, order: str, **values: Any) -> list[str]:
    rows = sql.execute(f"SELECT a.id FROM assets AS a WHERE {where} ORDER BY {order}", values).fetchall()
    return [str(row["id"]) for row in rows]


@pytest.mark.parametrize(
    "filters", [{}, {"type": "interest"}, {"status": "active"}, {"type": "investment", "status": "closed"}]
)
async def test_pages_to_the_end_are_what_sql_says(
    user: Client, admins: Admins, sql: Sql, category: str, filters: dict[str, str]
) -> None:
    where = " AND ".join(["category = %(category)s", *(f"a.{name} = %({name})s" for name in filters)])
    values = filters | {"category": category}
    newest = "created_at DESC, id DESC"
    expected = _ids(sql, f"{where} AND status <> 'draft'", newest, **values)
    assert expected
    assert await _walk(user, limit=7, **values) == expected
    assert await _walk(admins("viewer"), limit=16, **values) == _ids(sql, where, newest, **values)


@pytest.mark.parametrize(
    "words", ["harbour", "solar aswan", "harbour -warehouse", '"solar roof"', "street or field"]
)
async def test_words_are_ranked_and_paged_as_sql_says(
    user: Client, admins: Admins, sql: Sql, category: str, words: str
) -> None:
    where = "category = %(category)s AND searched @@ websearch_to_tsquery('simple', %(q)s)"
    best = "ts_rank(searched, websearch_to_tsquery('simple', %(q)s)) DESC, id DESC"
    values = {"category": category, "q": words}
    expected = _ids(sql, f"{where} AND status <> 'draft'", best, **values)
    assert len(expected) > 3
    assert await _walk(user, limit=3, **values) == expected
    assert await _walk(admins("auditor"), limit=100, **values) == _ids(sql, where, best, **values)
    paused = _ids(sql, f"{where} AND status = 'paused'", best, **values)
    assert await _walk(user, limit=2, status="paused", **values) == paused


async def test_a_title_ranks_above_a_description(user: Client, category: str) -> None:
    titles = [
        row["title"] for row in (await user.get(f"/assets?q=harbour&category={category}&limit=100"))["data"]
    ]
    in_title = ["Harbour" in title for title in titles]
    assert in_title == sorted(in_title, reverse=True)
    assert len(set(in_title)) == 2


@pytest.mark.parametrize(
    "words", ["!!!", "\u0627\u0644\u0642\u0627\u0647\u0631\u0629", "'; DROP TABLE assets; --", "& | ! ( :*"]
)
async def test_words_that_match_nothing_find_nothing(user: Client, words: str) -> None:
    assert await user.get(f"/assets?{urlencode({'q': words})}") == {"data": [], "next": None}


async def test_wrong_questions_are_refused(user: Client, category: str) -> None:
    page = await user.get(f"/assets?category={category}&limit=2")
    cursor = page["next"]
    for query, status in (
        (f"category={category}&limit=2&status=active&cursor={cursor}", 400),
        (f"q=harbour&category={category}&cursor={cursor}", 400),
        ("cursor=nonsense", 400),
        ("type=loan", 400),
        ("status=gone", 400),
        ("limit=0", 400),
        ("limit=101", 400),
        ("colour=blue", 400),
        ("q=", 422),
        ("q=" + "x" * 201, 422),
        ("q=%00", 422),
        ("category=%E2%80%AE", 422),
    ):
        await user.refused("GET", f"/assets?{query}", status)


async def test_a_row_made_meanwhile_neither_repeats_nor_drops_another(
    user: Client, sql: Sql, category: str
) -> None:
    before = await _walk(user, limit=100, category=category)
    first = await user.get(f"/assets?category={category}&limit=5")
    sql.execute(
        "INSERT INTO assets (type, title, category, status) VALUES ('interest', 'Newest', %s, 'active')",
        (category,),
    )
    rest = await user.get(f"/assets?category={category}&limit=100&cursor={first['next']}")
    assert [row["id"] for row in first["data"] + rest["data"]] == before
