"""The database that the write API is measured on: made once, kept, opened by each run that does not write.

1,000,000 users, 10,000 assets and 5,000,000 investments with their transactions, as set-based SQL past the
triggers; totals are computed as the triggers would have. Sessions of some users and one administrator of each
role are open, so that nothing has to sign in.
"""

# ruff: noqa: E501, ISC004  statements of SQL

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import psycopg

import migrations
from benchmarks import chain
from benchmarks.report import note
from postgres.embedded import FAST_AND_LOSABLE, EmbeddedPostgres
from postgres.migrations import migrate
from write_api.credentials import signing_keys
from write_api.credentials.access_tokens import AccessTokens
from write_api.credentials.signing_keys import SigningKeys
from write_api.encryption.key_file import new_key_file

USERS, ASSETS, INVESTMENTS = 1_000_000, 10_000, 5_000_000
QUICK_USERS, QUICK_ASSETS, QUICK_INVESTMENTS = 20_000, 1_000, 50_000
SESSIONS = 2_000
ROLES = ("super_admin", "asset_manager", "kyc_verifier", "auditor", "viewer")
WORDS = ("villa", "tower", "garden", "harbour", "solar", "farm", "clinic", "school", "market", "mill")
_SETTINGS = {"shared_buffers": "4GB", "max_connections": "200", "max_wal_size": "8GB"}

_MAKE = (
    """
    INSERT INTO account.users (id, blockchain_address, tier, kyc_verified_at, created_at)
    SELECT md5('user' || i)::uuid, substring(sha256(int8send(i)) FROM 1 FOR 20), 1 + i %% 4, now(),
           now() - make_interval(secs => i * 31.5)
    FROM generate_series(1, %(users)s) AS i
    """,
    "INSERT INTO account.user_profiles (user_id, country_code, login_count)"
    " SELECT md5('user' || i)::uuid, 'EG', 1 FROM generate_series(1, %(users)s) AS i",
    """
    INSERT INTO account.user_sessions (id, user_id, token_hash, expires_at)
    SELECT md5('session' || i)::uuid, md5('user' || i)::uuid, sha256(int8send(i)), now() + interval '10 years'
    FROM generate_series(1, %(sessions)s) AS i
    """,
    """
    INSERT INTO account.admin_users (id, email, name, role)
    SELECT md5(role)::uuid, replace(role, '_', '-') || '@pend.example', role, role FROM unnest(%(roles)s::text[]) AS role
    """,
    """
    INSERT INTO account.admin_sessions (id, admin_id, token_hash, second_factor, expires_at)
    SELECT md5('session' || role)::uuid, md5(role)::uuid, sha256(role::bytea), 'totp', now() + interval '10 years'
    FROM unnest(%(roles)s::text[]) AS role
    """,
    """
    INSERT INTO account.assets (id, contract_address, type, title, description, category, location, status, created_at)
    SELECT md5('asset' || i)::uuid, substring(sha256('asset'::bytea || int8send(i)) FROM 1 FOR 20), 'investment',
           initcap((%(words)s::text[])[1 + i %% 10]) || ' ' || i, 'A ' || (%(words)s::text[])[1 + (i / 10) %% 10] || ' with prospects',
           (%(words)s::text[])[1 + (i / 100) %% 10], 'Cairo', CASE WHEN i %% 20 = 0 THEN 'draft' ELSE 'active' END,
           now() - make_interval(mins => i)
    FROM generate_series(1, %(assets)s) AS i
    """,
    "INSERT INTO account.asset_details (asset_id, token_price, max_supply, min_tier_required)"
    " SELECT id, 1, 1000000000, 1 FROM account.assets",
    # One user in a hundred thousand has very many, the others a few each.
    """
    INSERT INTO account.investments (id, user_id, asset_id, amount, currency, status, confirmed_at, failure_reason,
                                     invested_at, block_number)
    SELECT md5('investment' || i)::uuid,
           md5('user' || CASE WHEN i %% 500 = 0 THEN 1 ELSE 1 + (i::bigint * 7919) %% %(users)s END)::uuid,
           md5('asset' || 1 + (i::bigint * 31) %% %(assets)s)::uuid, 1 + i %% 100, 'PEND',
           CASE WHEN i %% 20 = 0 THEN 'failed' ELSE 'confirmed' END,
           CASE WHEN i %% 20 <> 0 THEN now() - make_interval(secs => i * 6.3) END,
           CASE WHEN i %% 20 = 0 THEN 'reverted' END, now() - make_interval(secs => i * 6.3), 1
    FROM generate_series(1, %(investments)s) AS i
    """,
    """
    INSERT INTO account.transactions (id, user_id, asset_id, investment_id, kind, amount, currency, status, block_number,
                                      block_hash, log_index, is_final, failure_reason, asked_at_block, created_at, settled_at)
    SELECT md5('transaction' || i.id)::uuid, i.user_id, i.asset_id, i.id, 'investment', i.amount, i.currency, i.status,
           CASE WHEN i.status = 'confirmed' THEN row_number() OVER () END,
           CASE WHEN i.status = 'confirmed' THEN sha256(int8send(1) || uuid_send(i.id)) END,
           CASE WHEN i.status = 'confirmed' THEN 0 END, i.status = 'confirmed', i.failure_reason, -1, i.invested_at, i.invested_at
    FROM account.investments AS i
    """,
    """
    INSERT INTO account.asset_metrics (asset_id, cap, total_invested, investor_count)
    SELECT a.id, 1000000000, coalesce(sum(i.amount), 0), count(DISTINCT i.user_id)
    FROM account.assets AS a
    LEFT JOIN account.investments AS i ON i.asset_id = a.id AND i.status = 'confirmed'
    GROUP BY a.id
    """,
    # Anybody who is measured may invest what the tier allows: nothing is.
    "UPDATE account.user_tiers SET invested_max = NULL",
)


@dataclass(frozen=True, slots=True)
class Accounts:
    """A running server with the database, its keys, and who is signed in."""

    server: EmbeddedPostgres
    dsn: str
    version: str
    users: int
    assets: int
    investments: int
    folder: Path

    def settings(self) -> dict[str, object]:
        """Of a write API on it, without limits."""
        return {
            "database__dsn": self.dsn,
            "database__role": "pend_writer",
            "encryption__keys_file": self.folder / "master.json",
            "sign_in__keys_file": self.folder / "signing.json",
            "storage__folder": self.folder / "documents",
            "audit__anchor_file": self.folder / "anchors.jsonl",
            "protection__requests_per_minute": 10_000_000,
            "protection__burst_per_s": 1_000_000,
        }

    def _tokens(self) -> AccessTokens:
        return AccessTokens(SigningKeys(self.folder / "signing.json", 3_600), "pend", "pend-write", 3_600)

    def user_tokens(self, many: int) -> list[str]:
        """Access tokens of users 1, 2, …"""
        tokens, now = self._tokens(), datetime.now(UTC)
        return [
            tokens.issue(named(f"user{i}"), "user", named(f"session{i}"), 1, now) for i in range(1, many + 1)
        ]

    def admin_token(self, role: str) -> str:
        return self._tokens().issue(named(role), "admin", named(f"session{role}"), 1, datetime.now(UTC))


def named(text: str) -> UUID:
    """The id that the database gave what is called so."""
    return UUID(hashlib.md5(text.encode()).hexdigest())


@contextmanager
def accounts(*, quick: bool, copy_to: Path | None = None) -> Iterator[Accounts]:
    """The database; the first call makes it. `copy_to` is where one is made that may be written to."""
    users, assets, investments = (
        (QUICK_USERS, QUICK_ASSETS, QUICK_INVESTMENTS) if quick else (USERS, ASSETS, INVESTMENTS)
    )
    folder = chain.FOLDER / f"accounts-{users}-{_schema()}"
    done = folder / "done.json"
    if not done.is_file():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        folder.chmod(0o755)
        _make(folder, users, assets, investments)
        done.write_text(json.dumps({"users": users}))
    if copy_to is not None:
        # With its owner: the server may run under another account.
        subprocess.run(["cp", "--archive", "--reflink=auto", str(folder), str(copy_to)], check=True)
        folder = copy_to
    with EmbeddedPostgres(folder / "postgres", settings=_SETTINGS) as server:
        dsn = f"{server.dsn().rpartition('/')[0]}/accounts"
        with psycopg.connect(dsn) as connection:
            version = str(connection.info.parameter_status("server_version")).split()[0]
        yield Accounts(server, dsn, version, users, assets, investments, folder)


def _schema() -> str:
    """Changes with any migration, and with what is put into them."""
    digest = hashlib.sha256("".join(_MAKE).encode())
    for path in sorted(migrations.FOLDER.glob("*.sql")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:8]


def _make(folder: Path, users: int, assets: int, investments: int) -> None:
    note(f"making {users:,} users and {investments:,} investments, once …")
    new_key_file(folder / "master.json")
    signing_keys.create(folder / "signing.json", datetime.now(UTC))
    values = {
        "users": users,
        "assets": assets,
        "investments": investments,
        "sessions": min(SESSIONS, users),
        "roles": list(ROLES),
        "words": list(WORDS),
    }
    with EmbeddedPostgres(folder / "postgres", settings={**_SETTINGS, **FAST_AND_LOSABLE}) as server:
        dsn = server.create_database("accounts")
        migrate(dsn)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("SET session_replication_role = replica")
            connection.execute("SET maintenance_work_mem = '1GB'; SET work_mem = '256MB'")
            indexes = connection.execute(
                "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index"
                " JOIN pg_class AS t ON t.oid = indrelid"
                " WHERE t.relnamespace = 'account'::regnamespace AND t.relkind = 'r' AND NOT indisunique"
            ).fetchall()
            for name, _ in indexes:
                connection.execute(f"DROP INDEX {name}".encode())
            for statement in _MAKE:
                note(" ".join(statement.split())[:70])
                connection.execute(statement.encode(), values)
            for _, made in indexes:
                connection.execute(made.encode())
            connection.execute("SET session_replication_role = origin")
            connection.execute("SELECT account.refresh_summaries()")
            connection.execute("VACUUM (ANALYZE)")
