"""What the explorer knows of the write side: titles and states of pools, tiers of wallets; at once, and no more."""

import secrets
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import psycopg
import pytest

from explorer_api.answers.envelope import Listed, One
from explorer_api.answers.pools import Pool
from explorer_api.answers.wallets import Wallet
from tests.integration.explorer_api.explorers import Explored, explorer_process, get, walk
from tests.processes import eventually

Sql = psycopg.Connection[dict[str, Any]]


@pytest.fixture
def changing(explored: Explored) -> Iterator[str]:
    with explored.clone() as dsn:
        yield dsn


@pytest.fixture
def changes(changing: str) -> Iterator[Sql]:
    """The owner of a database that this test may change."""
    with psycopg.connect(changing, autocommit=True, row_factory=psycopg.rows.dict_row) as connection:
        yield connection


def _one(sql: Sql, statement: str, *values: Any) -> Any:
    row = sql.execute(statement, values).fetchone()
    assert row is not None
    return next(iter(row.values()))


def _offer(sql: Sql, pool: bytes | None, title: str, status: str = "active") -> UUID:
    kind = "interest" if pool is None else "investment"
    made: UUID = _one(
        sql,
        "INSERT INTO account.assets (contract_address, type, title, status) VALUES (%s, %s, %s, %s) RETURNING id",
        pool,
        kind,
        title,
        status,
    )
    return made


def _raise_tier(sql: Sql, user: UUID, tier: int) -> None:
    """By two administrators, as the guards ask."""
    asks, decides = (
        _one(
            sql,
            "SELECT account.create_admin(%s, 'A', 'super_admin', %s, '1 hour')",
            f"{secrets.token_hex(8)}@pend.example",
            secrets.token_bytes(32),
        )
        for _ in range(2)
    )
    with sql.transaction():
        sql.execute("SELECT set_config('app.current_admin_id', %s, true)", (str(asks),))
        approval = _one(
            sql,
            "INSERT INTO account.approvals (kind, resource_id, change, justification, requested_by)"
            " VALUES ('tier_raise', %s, jsonb_build_object('tier', %s::int), 'verified in person', %s) RETURNING id",
            user,
            tier,
            asks,
        )
        sql.execute("SELECT set_config('app.current_admin_id', %s, true)", (str(decides),))
        sql.execute(
            "UPDATE account.approvals SET status = 'approved', decided_by = %s, decided_at = now() WHERE id = %s",
            (decides, approval),
        )
        sql.execute("UPDATE account.users SET tier = %s WHERE id = %s", (tier, user))


def _told(sql: Sql) -> list[int]:
    """Sequences of what the write side announced; all that is announced is counted without a gap."""
    rows = sql.execute("SELECT sequence, kind FROM chain.outbox ORDER BY sequence DESC LIMIT 20").fetchall()
    assert [row["sequence"] for row in rows] == list(range(rows[0]["sequence"], rows[-1]["sequence"] - 1, -1))
    assert rows[0]["sequence"] == _one(sql, "SELECT outbox_sequence FROM chain.chain_state")
    return [row["sequence"] for row in rows if row["kind"] == "account"]


async def test_what_is_committed_of_assets_and_tiers_is_answered_at_once(
    changing: str, changes: Sql, tmp_path: Path
) -> None:
    pool = _one(changes, "SELECT pool FROM chain.pools ORDER BY pool LIMIT 1")
    wallet = _one(
        changes, "SELECT address FROM chain.addresses WHERE contract_block IS NULL ORDER BY address LIMIT 1"
    )
    user = _one(changes, "INSERT INTO account.users (blockchain_address) VALUES (%s) RETURNING id", wallet)
    draft = _offer(changes, pool, "Secret draft", "draft")
    with explorer_process(changing, tmp_path) as serving:
        async with aiohttp.ClientSession(serving.url) as api:

            async def told() -> set[tuple[str | None, str | None, str | None]]:
                alone = await _alone(api, pool, wallet)
                return {alone, await _listed(api, pool, wallet)}

            assert await told() == {(None, None, None)}  # who only signed in is not named
            changes.execute("DELETE FROM account.assets WHERE id = %s", (draft,))
            asset = _offer(changes, pool, "Cairo tower")
            _raise_tier(changes, user, 2)
            await _becomes(told, {("Cairo tower", "active", "standard")})
            changes.execute("UPDATE account.assets SET title = 'Cairo towers' WHERE id = %s", (asset,))
            await _becomes(told, {("Cairo towers", "active", "standard")})
            changes.execute("UPDATE account.assets SET status = 'paused' WHERE id = %s", (asset,))
            changes.execute("UPDATE account.users SET status = 'suspended' WHERE id = %s", (user,))
            await _becomes(told, {("Cairo towers", "paused", None)})


async def _alone(
    api: aiohttp.ClientSession, pool: bytes, wallet: bytes
) -> tuple[str | None, str | None, str | None]:
    """Title and state of a pool, and the tier of a wallet."""
    offered = (await get(api, f"/api/v1/pools/0x{pool.hex()}", One[Pool])).data
    owned = (await get(api, f"/api/v1/wallets/0x{wallet.hex()}", One[Wallet])).data
    return offered.title, offered.status, owned.tier


async def _listed(
    api: aiohttp.ClientSession, pool: bytes, wallet: bytes
) -> tuple[str | None, str | None, str | None]:
    """The same in the lists, where no other has any."""
    pools = {each.address: each for each in await walk(api, "/api/v1/pools", Listed[Pool], limit=2)}
    wallets = {each.address: each for each in await walk(api, "/api/v1/wallets", Listed[Wallet], limit=100)}
    offered, owned = pools.pop("0x" + pool.hex()), wallets.pop("0x" + wallet.hex())
    assert {(each.title, each.status) for each in pools.values()} == {(None, None)}
    assert {each.tier for each in wallets.values()} == {None}
    return offered.title, offered.status, owned.tier


def test_a_transaction_announces_once_what_the_explorer_shows_and_nothing_else(changes: Sql) -> None:
    before = _told(changes)
    with changes.transaction():
        asset = _offer(changes, secrets.token_bytes(20), "One")
        for _ in range(3):
            _offer(changes, secrets.token_bytes(20), "Many")
        changes.execute("UPDATE account.assets SET title = 'Two' WHERE id = %s", (asset,))
        assert _told(changes) == before, "the lock of the outbox is taken when the transaction ends"
    first = _told(changes)
    assert len(first) == len(before) + 1
    with changes.transaction(force_rollback=True):
        changes.execute("UPDATE account.assets SET title = 'Three' WHERE id = %s", (asset,))
        changes.execute("SET CONSTRAINTS ALL IMMEDIATE")
        assert len(_told(changes)) == len(first) + 1
    changes.execute("UPDATE account.assets SET description = 'long' WHERE id = %s", (asset,))
    idea = _offer(changes, None, "An idea")
    changes.execute(
        "UPDATE account.assets SET title = 'Another idea', status = 'paused' WHERE id = %s", (idea,)
    )
    _offer(changes, secrets.token_bytes(20), "A draft", "draft")
    user = _one(
        changes,
        "INSERT INTO account.users (blockchain_address) VALUES (%s) RETURNING id",
        secrets.token_bytes(20),
    )
    changes.execute("UPDATE account.users SET status = 'suspended' WHERE id = %s", (user,))
    assert _told(changes) == first
    changes.execute("UPDATE account.assets SET status = 'closed' WHERE id = %s", (asset,))
    assert len(_told(changes)) == len(first) + 1


async def _becomes(read: Callable[[], Awaitable[Any]], expected: Any) -> None:
    async def is_so() -> bool:
        return bool(await read() == expected)

    await eventually(is_so, f"{expected!r}")
