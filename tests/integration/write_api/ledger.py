"""Offers, investors and a chain of a few blocks, put into a database by its superuser."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import psycopg

from postgres.pool import DatabaseSettings
from postgres.reader import Reader
from tests.integration.write_api.offices import Client, Writing
from write_api.credentials import refresh_tokens
from write_api.encryption.key_file import new_key_file
from write_api.encryption.master_keys import FileKeys
from write_api.settings import WriteSettings
from write_api.storage.objects import open_folder
from write_api.working.worker import Worker

Sql = psycopg.Connection[psycopg.rows.DictRow]
DECIMALS = 6
SIGNATURES = {"investment": "Invested(address,uint256)", "withdrawal": "Withdrawn(address,uint256)"}


def superuser(dsn: str) -> Sql:
    return psycopg.connect(dsn, autocommit=True, row_factory=psycopg.rows.dict_row)


def one(sql: Sql, statement: str, *arguments: Any) -> psycopg.rows.DictRow:
    row = sql.execute(statement, arguments).fetchone()
    assert row is not None
    return row


@dataclass(frozen=True, slots=True)
class Offer:
    id: UUID
    pool: bytes


def offer(sql: Sql, *, status: str = "active", **terms: Any) -> Offer:
    """An investment asset; by default 1000 PEND, tier 1, no lockup."""
    pool = secrets.token_bytes(20)
    made = one(
        sql,
        "INSERT INTO account.assets (contract_address, type, title, status) VALUES (%s, 'investment', 'Dam', %s)"
        " RETURNING id",
        pool,
        status,
    )["id"]
    given = {"token_price": Decimal(1), "max_supply": 1_000, "token_decimals": DECIMALS, **terms}
    columns = ", ".join(given)
    marks = ", ".join("%s" for _ in given)
    sql.execute(
        f"INSERT INTO account.asset_details (asset_id, {columns}) VALUES (%s, {marks})",
        (made, *given.values()),
    )
    return Offer(made, pool)


@dataclass(frozen=True, slots=True)
class Investor:
    id: UUID
    wallet: bytes


def investor(sql: Sql, *, tier: int = 5) -> Investor:
    wallet = secrets.token_bytes(20)
    row = one(
        sql,
        "INSERT INTO account.users (blockchain_address, tier, kyc_verified_at) VALUES (%s, %s, now()) RETURNING id",
        wallet,
        tier,
    )
    return Investor(row["id"], wallet)


def clients(
    sql: Sql, writing: Writing, http: aiohttp.ClientSession, count: int, tier: int = 5
) -> list[Client]:
    """Investors who are signed in, without the ceremony of signatures."""
    tokens = writing.keys.tokens()
    made = []
    for _ in range(count):
        session = uuid4()
        digest = refresh_tokens.digest(refresh_tokens.parse(refresh_tokens.new(session))[1])
        row = one(
            sql,
            "SELECT * FROM account.open_user_session(%s, %s, %s, 'test', '1 day')",
            session,
            secrets.token_bytes(20),
            digest,
        )
        token = tokens.issue(row["user_id"], "user", session, row["session_version"], datetime.now(UTC))
        made.append(Client(http, token, row["user_id"], None, "", session))
    with sql.transaction():
        sql.execute("SET LOCAL session_replication_role = replica")
        sql.execute(
            "UPDATE account.users SET kyc_verified_at = now(), tier = %s WHERE id = ANY (%s)",
            (tier, [client.id for client in made]),
        )
    return made


def settled(sql: Sql, leg: UUID | str, status: str = "confirmed") -> None:
    """Confirmed, as an event of the chain would; or failed."""
    if status == "confirmed":
        sql.execute(
            "UPDATE account.transactions SET status = 'confirmed', settled_at = now(), block_number = %s, log_index = 0,"
            " block_hash = %s, transaction_hash = %s WHERE id = %s",
            (secrets.randbelow(2**60), secrets.token_bytes(32), secrets.token_bytes(32), leg),
        )
    else:
        sql.execute(
            "UPDATE account.transactions SET status = 'failed', settled_at = now(), failure_reason = %s WHERE id = %s",
            (status, leg),
        )


def invest(sql: Sql, who: Investor, what: Offer, amount: str | Decimal, named: bytes | None = None) -> UUID:
    """The movement of a new investment."""
    made = one(
        sql,
        "INSERT INTO account.investments (user_id, asset_id, amount, currency) VALUES (%s, %s, %s, 'PEND')"
        " RETURNING id",
        who.id,
        what.id,
        Decimal(amount),
    )["id"]
    leg: UUID = one(sql, "SELECT id FROM account.transactions WHERE investment_id = %s", made)["id"]
    name(sql, leg, named)
    return leg


def withdraw(sql: Sql, leg: UUID, amount: str | Decimal) -> UUID:
    """The movement of a new withdrawal from the investment that `leg` began."""
    made: UUID = one(
        sql,
        "INSERT INTO account.transactions (user_id, asset_id, investment_id, kind, amount, currency)"
        " SELECT user_id, asset_id, investment_id, 'withdrawal', %s, currency FROM account.transactions WHERE id = %s"
        " RETURNING id",
        Decimal(amount),
        leg,
    )["id"]
    return made


def name(sql: Sql, leg: UUID, named: bytes | None) -> None:
    sql.execute("UPDATE account.transactions SET transaction_hash = %s WHERE id = %s", (named, leg))


def movement(sql: Sql, leg: UUID) -> psycopg.rows.DictRow:
    return one(sql, "SELECT * FROM account.transactions WHERE id = %s", leg)


def state(sql: Sql, leg: UUID) -> tuple[str, str | None]:
    row = movement(sql, leg)
    return row["status"], row["failure_reason"]


def totals(sql: Sql, what: Offer) -> tuple[Decimal | int, Decimal | int, int]:
    """What is invested, what is reserved, how many investors."""
    row = one(sql, "SELECT * FROM account.asset_metrics WHERE asset_id = %s", what.id)
    return row["total_invested"], row["total_reserved"], row["investor_count"]


@dataclass(frozen=True, slots=True)
class Event:
    """In a transaction of its own, unless it is put with others."""

    pool: bytes
    wallet: bytes
    amount: str | Decimal
    kind: str = "investment"
    hash: bytes = field(default_factory=lambda: secrets.token_bytes(32))


@dataclass(slots=True)
class Chain:
    """Blocks one hour apart. Decoded and final as far as is said; by default to the head."""

    sql: Sql
    head: int = -1
    decoded_to: int | None = None
    final: int | None = None
    begun: datetime = field(default_factory=lambda: datetime.now(UTC) - timedelta(minutes=30))
    hashes: dict[int, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sql.execute(
            "INSERT INTO chain.chain_state (chain_id, genesis_hash, consensus) VALUES (1337, %s, 'qbft')",
            (bytes(32),),
        )
        self.sql.execute("INSERT INTO chain.derivations VALUES ('decoded_events', 0, -1)")
        self.block()

    def block(self, *events: Event, reverted: Sequence[bytes] = (), empty: Sequence[bytes] = ()) -> int:
        """The next block: each event in a transaction of its own, then reverted ones, then ones without events."""
        self.head = number = self.head + 1
        self.hashes[number] = secrets.token_bytes(32)
        sent = [event.hash for event in events] + [*reverted, *empty]
        with self.sql.transaction():
            self.sql.execute(
                """
                INSERT INTO chain.blocks
                    (number, hash, parent_hash, timestamp, miner, gas_limit, gas_used, difficulty, size, nonce, mix_hash,
                     sha3_uncles, state_root, transactions_root, receipts_root, logs_bloom, extra_data,
                     transaction_count, log_count)
                VALUES (%s, %s, %s, %s, '\\x', 1, 1, 1, 1, '\\x', '\\x', '\\x', '\\x', '\\x', '\\x', '\\x', '\\x', %s, %s)
                """,
                (
                    number,
                    self.hashes[number],
                    self.hashes.get(number - 1, bytes(32)),
                    self.begun + timedelta(hours=number),
                    len(sent),
                    len(events),
                ),
            )
            for index, hash_ in enumerate(sent):
                self._transaction(number, index, hash_, 0 if hash_ in reverted else 1)
            for index, event in enumerate(events):
                arguments = {
                    "investor": "0x" + event.wallet.hex(),
                    "amount": str(int(Decimal(event.amount) * 10**DECIMALS)),
                }
                self.sql.execute(
                    "INSERT INTO chain.decoded_events VALUES (%s, %s, %s, %s, 'pend_pool', 'X', %s, %s)",
                    (number, index, index, event.pool, SIGNATURES[event.kind], json.dumps(arguments)),
                )
            self.mark()
        return number

    def _transaction(self, number: int, index: int, hash_: bytes, status: int) -> None:
        self.sql.execute(
            """
            INSERT INTO chain.transactions
                (block_number, transaction_index, hash, timestamp, type, from_address, nonce, value, gas_limit, input,
                 cumulative_gas_used, gas_used, status, log_count)
            VALUES (%s, %s, %s, now(), 0, '\\x', 0, 0, 1, '\\x', 1, 1, %s, 1)
            """,
            (number, index, hash_, status),
        )
        self.sql.execute(
            "INSERT INTO chain.transaction_locations VALUES (%s, %s, %s)", (hash_, number, index)
        )

    def mark(self, *, decoded_to: int | None = None, final: int | None = None) -> None:
        """Say how far it is stored, decoded and final; once said, that stays until it is said anew."""
        self.decoded_to = self.decoded_to if decoded_to is None else decoded_to
        self.final = self.final if final is None else final
        self.sql.execute("DELETE FROM chain.coverage")
        self.sql.execute(
            "INSERT INTO chain.coverage VALUES (int8range(0, %s), %s, %s)",
            (self.head + 1, bytes(32), self.hashes[self.head]),
        )
        decoded = self.head if self.decoded_to is None else self.decoded_to
        self.sql.execute("UPDATE chain.derivations SET derived_to = %s", (decoded,))
        final = self.head if self.final is None else self.final
        self.sql.execute("UPDATE chain.chain_state SET finalized_number = %s", (final,))

    def revert(self, ancestor: int) -> None:
        """Take back all above a block."""
        with self.sql.transaction():
            for table in ("decoded_events", "transactions", "transaction_locations"):
                self.sql.execute(f"DELETE FROM chain.{table} WHERE block_number > %s", (ancestor,))
            self.sql.execute("DELETE FROM chain.blocks WHERE number > %s", (ancestor,))
            self.head = ancestor
            self.mark()


def worker_on(dsn: str, folder: Any) -> Worker:
    """The worker of this process, as pend_worker."""
    settings = WriteSettings.model_validate({"database": {"dsn": dsn, "role": "pend_worker"}})
    sessions = Reader(DatabaseSettings(dsn, role="pend_worker", search_path="pg_catalog"), 2, 10.0)
    keys = folder / "worker-keys.json"
    if not keys.exists():
        new_key_file(keys)
    return Worker(settings, sessions, open_folder(folder / "documents"), FileKeys(keys))
