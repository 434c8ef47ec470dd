"""A seeded development database: everything in every state, personal data sealed, and people who can sign in."""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import psycopg
import pytest
from eth_account import Account

from tests.database import DatabaseServer
from tests.integration.write_api.administrators import Person, admin_signed_in
from tests.integration.write_api.offices import Client, KeyFolder, Writing, command, signed_in
from write_api.seeding.plan import Plan, plan
from write_api.seeding.seeding import SeedRefused, seed_database
from write_api.settings import WriteSettings

Sql = psycopg.Connection[psycopg.rows.DictRow]
USERS, SEED = 40, 7


@dataclass(slots=True)
class Seeded:
    dsn: str
    settings: WriteSettings
    plan: Plan
    secrets: dict[UUID, str]


@pytest.fixture(scope="module")
def seeded(embedded_home: DatabaseServer, key_folder: KeyFolder) -> Iterator[Seeded]:
    dsn = embedded_home.create(template=embedded_home.template())
    settings = WriteSettings.model_validate(
        {
            "database": {"dsn": dsn},
            "encryption": {"keys_file": key_folder.folder / "master.json"},
            "sign_in": {"argon2_memory_kib": 8_192, "argon2_time": 1, "argon2_lanes": 1},
        }
    )
    planned, secrets = asyncio.run(seed_database(settings, USERS, SEED, force=False))
    yield Seeded(dsn, settings, planned, secrets)
    embedded_home.drop(dsn)


@pytest.fixture
def rows(seeded: Seeded) -> Iterator[Sql]:
    with psycopg.connect(
        seeded.dsn, autocommit=True, row_factory=psycopg.rows.dict_row, options="-c search_path=account"
    ) as connection:
        yield connection


def test_everything_is_there_in_every_state(rows: Sql) -> None:
    def states(query: str) -> set[object]:
        return {tuple(row.values()) for row in rows.execute(query)}

    assert states("SELECT DISTINCT role FROM admin_users") == {
        (role,) for role in ("super_admin", "asset_manager", "kyc_verifier", "auditor", "viewer")
    }
    assert states("SELECT DISTINCT status FROM users") == {("active",), ("suspended",), ("closed",)}
    assert states("SELECT DISTINCT tier FROM users") == {(tier,) for tier in range(6)}
    assert states("SELECT DISTINCT status FROM kyc_applications") == {
        (status,) for status in ("pending_review", "under_review", "verified", "rejected")
    }
    assert states("SELECT DISTINCT type, status FROM assets") == {
        (type_, status)
        for type_ in ("investment", "interest")
        for status in ("draft", "active", "paused", "closed")
    }
    assert states("SELECT DISTINCT status FROM investments") == {
        (status,) for status in ("pending", "confirmed", "failed", "refunded")
    }
    assert states("SELECT DISTINCT kind, status FROM transactions") >= {("withdrawal", "confirmed")}
    assert states("SELECT DISTINCT severity FROM security_events") == {
        (severity,) for severity in ("low", "medium", "high", "critical")
    }
    # Totals are those of the investments, as the rules made them.
    wrong = rows.execute(
        "SELECT m.asset_id FROM asset_metrics AS m LEFT JOIN investments AS i USING (asset_id)"
        " GROUP BY m.asset_id HAVING m.total_invested"
        " <> coalesce(sum(i.amount - i.withdrawn) FILTER (WHERE i.status = 'confirmed'), 0)"
    )
    assert wrong.fetchall() == []
    assert rows.execute("SELECT FROM asset_metrics WHERE interested_count > 0").fetchall()


def test_personal_data_is_nowhere_in_clear(seeded: Seeded, rows: Sql) -> None:
    administrators = {each.name for each in seeded.plan.admins}
    tables = rows.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'account'").fetchall()
    for table in tables:
        text = str(rows.execute(f"SELECT t::text FROM {table['tablename']} AS t").fetchall())
        for user in seeded.plan.users:
            assert user.email not in text, table
            assert user.email.encode().hex() not in text, table
            assert user.full_name.encode().hex() not in text, table
            if user.full_name not in administrators:
                assert user.full_name not in text, table


def test_same_seed_plans_the_same_and_another_one_others() -> None:
    assert plan(USERS, SEED) == plan(USERS, SEED)
    ours, others = plan(USERS, SEED), plan(USERS, SEED + 1)
    assert {user.wallet for user in ours.users}.isdisjoint(user.wallet for user in others.users)
    assert {each.password for each in ours.admins}.isdisjoint(each.password for each in others.admins)


async def test_database_that_is_used_is_left_alone_unless_forced(seeded: Seeded, rows: Sql) -> None:
    before = rows.execute("SELECT count(*) AS n FROM users").fetchall()
    with pytest.raises(SeedRefused, match="--force"):
        await seed_database(seeded.settings, 3, SEED + 1, force=False)
    with pytest.raises(SeedRefused, match="another --seed"):
        await seed_database(seeded.settings, 3, SEED, force=True)
    assert rows.execute("SELECT count(*) AS n FROM users").fetchall() == before
    await seed_database(seeded.settings, 3, SEED + 1, force=True)
    assert rows.execute("SELECT count(*) AS n FROM users").fetchall() == [{"n": before[0]["n"] + 3}]


async def test_seeded_people_sign_in_and_are_read(anyone: Client, writing: Writing, sql: Sql) -> None:
    settings = WriteSettings.model_validate(
        {
            "database": {"dsn": writing.dsn},
            "encryption": {"keys_file": writing.keys.folder / "master.json"},
            "sign_in": {"argon2_memory_kib": 8_192, "argon2_time": 1, "argon2_lanes": 1},
        }
    )
    planned, secrets = await seed_database(settings, 12, random.getrandbits(40), force=True)
    owner = planned.admins[0]
    person = Person(owner.id, owner.email, secrets[owner.id], [], owner.password)
    admin = await admin_signed_in(anyone, person, sql)
    user = next(each for each in planned.users if each.tier and each.status == "active")
    seen = await admin.get(f"/admin/users/{user.id}?personal=true")
    assert (seen["personal"]["full_name"], seen["personal"]["email"]) == (user.full_name, user.email)
    assert (seen["tier"]["tier"], seen["application"]["status"]) == (user.tier, "verified")
    held = [each for each in planned.investments if each.user == user.id]
    assert seen["portfolio"]["investments"] == sum(each.state in {"confirmed", "withdrawn"} for each in held)
    client = await signed_in(anyone.session, Account.from_key(user.private_key))
    assert client.id == user.id


def test_command_prints_how_to_sign_in(seeded: Seeded, key_folder: KeyFolder) -> None:
    done = command(seeded.dsn, key_folder, "db", "seed", "--users", "2", "--seed", "99", "--force")
    assert done.returncode == 0, done.stderr
    planned = plan(2, 99)
    for admin in planned.admins:
        assert f"{admin.email} " in done.stdout
        assert f" {admin.password} " in done.stdout
    assert planned.users[0].private_key.hex() in done.stdout
