"""What a reorg takes back is pending again; what is final stays; nobody confirms what the chain does not say."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from tests.integration.write_api.books import CONFIRMED, LIFE_BLOCKS, PENDING, Book, open_book
from tests.integration.write_api.ledger import (
    Event,
    investor,
    movement,
    one,
    state,
    superuser,
    totals,
    withdraw,
)


@pytest.fixture
async def book(embedded_database: str, tmp_path: Path) -> AsyncIterator[Book]:
    async with open_book(embedded_database, tmp_path) as made:
        yield made


@pytest.fixture
async def chunked_book(timescale_database: str, tmp_path: Path) -> AsyncIterator[Book]:
    async with open_book(timescale_database, tmp_path) as made:
        yield made


async def test_a_reorg_makes_it_pending_and_the_new_block_confirms_it_anew(book: Book) -> None:
    book.chain.mark(final=0)
    leg, event = book.invest(), book.event()
    book.chain.block()
    book.chain.block(event)
    await book.settle()
    assert totals(book.sql, book.offer) == (100, 0, 1)
    book.chain.revert(0)
    book.chain.block()
    await book.settle()
    assert state(book.sql, leg) == PENDING
    assert totals(book.sql, book.offer) == (0, 100, 0)
    number = book.chain.block(event)
    await book.settle()
    row = movement(book.sql, leg)
    assert (row["status"], row["block_number"]) == ("confirmed", number)
    assert totals(book.sql, book.offer) == (100, 0, 1)


async def test_a_reorg_is_noticed_though_the_new_branch_is_final_already(book: Book) -> None:
    book.chain.mark(final=0)
    leg = book.invest()
    book.chain.block(book.event())
    await book.settle()
    book.chain.revert(0)
    book.blocks(3)
    book.chain.mark(final=3)
    await book.settle()
    assert state(book.sql, leg) == PENDING


async def test_what_is_final_is_looked_at_no_more(book: Book) -> None:
    leg = book.invest()
    book.chain.block(book.event())
    await book.settle()
    await book.settle()
    assert movement(book.sql, leg)["is_final"]
    book.chain.revert(0)
    with book.sql.transaction():
        book.sql.execute("SET LOCAL ROLE pend_worker")
        undone = one(book.sql, "SELECT account.unconfirm_transaction(%s) AS done", leg)
    assert undone["done"] is False


async def test_an_investment_that_a_reorg_ended_takes_its_waiting_withdrawals_along(book: Book) -> None:
    book.chain.mark(final=0)
    leg = book.invest()
    book.chain.block(book.event())
    await book.settle()
    out = withdraw(book.sql, leg, "40")
    book.chain.revert(0)
    book.chain.block(book.event("40", "withdrawal"))
    await book.settle()
    assert (state(book.sql, leg), state(book.sql, out)) == (PENDING, PENDING)
    assert totals(book.sql, book.offer) == (0, 100, 0)
    too_early = one(book.sql, "SELECT account.confirm_transaction(%s, 1, 0) AS done", out)
    assert too_early["done"] is False
    book.blocks(LIFE_BLOCKS)
    book.chain.mark(final=book.chain.head)
    await book.settle()
    assert (state(book.sql, leg), state(book.sql, out)) == (
        ("failed", "expired"),
        ("failed", "investment_failed"),
    )
    assert totals(book.sql, book.offer) == (0, 0, 0)


async def test_a_captured_worker_confirms_nothing_that_the_chain_does_not_say(book: Book) -> None:
    leg = book.invest()
    thief = investor(book.sql)
    number = book.chain.block(book.event("7"), Event(book.offer.pool, thief.wallet, "100"))
    for transaction, block, log in (
        (leg, number, 0),
        (leg, number, 1),
        (leg, number, 99),
        (leg, number + 5, 0),
        (leg, -1, 0),
        (uuid4(), number, 0),
    ):
        with book.sql.transaction():
            book.sql.execute("SET LOCAL ROLE pend_worker")
            said = one(
                book.sql, "SELECT account.confirm_transaction(%s, %s, %s) AS done", transaction, block, log
            )
        assert said["done"] is False
    assert (state(book.sql, leg), totals(book.sql, book.offer)) == (PENDING, (0, 100, 0))


async def test_a_confirmed_one_stays_while_its_block_does(book: Book) -> None:
    book.chain.mark(final=0)
    leg = book.invest()
    book.chain.block(book.event())
    await book.settle()
    with book.sql.transaction():
        book.sql.execute("SET LOCAL ROLE pend_worker")
        assert one(book.sql, "SELECT account.unconfirm_transaction(%s) AS done", leg)["done"] is False
        assert one(book.sql, "SELECT account.fail_transaction(%s, 'x') AS done", leg)["done"] is False
    assert state(book.sql, leg) == CONFIRMED


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("pend_writer", "SELECT account.confirm_transaction(gen_random_uuid(), 1, 1)"),
        ("pend_writer", "SELECT account.fail_transaction(gen_random_uuid(), 'x')"),
        ("pend_writer", "SELECT account.unconfirm_transaction(gen_random_uuid())"),
        ("pend_writer", "SELECT account.finalize_transactions(1, 1)"),
        ("pend_writer", "SELECT account.open_transactions(now(), gen_random_uuid(), 1)"),
        ("pend_worker", "SELECT FROM account.transactions"),
        ("pend_worker", "SELECT FROM account.investments"),
        ("pend_worker", "SELECT FROM account.users"),
        ("pend_worker", "UPDATE account.transactions SET status = 'confirmed'"),
        ("pend_worker", "SELECT account.cancel_transaction(gen_random_uuid())"),
    ],
)
def test_each_role_settles_or_asks_never_both(role: str, statement: str, write_dsn: str) -> None:
    with superuser(write_dsn) as sql:
        sql.execute(f"SET ROLE {role}")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            sql.execute(statement)


async def test_the_same_holds_on_chunks(chunked_book: Book) -> None:
    book = chunked_book
    book.chain.mark(final=0)
    event = book.event("60")
    leg, named, late = book.invest(), book.invest("60", named=event.hash), book.invest("70")
    book.chain.block(book.event(), event)
    await book.settle()
    assert (state(book.sql, leg), state(book.sql, named)) == (CONFIRMED, CONFIRMED)
    book.chain.revert(0)
    book.chain.block(book.event(), event)
    book.blocks(LIFE_BLOCKS)
    await book.settle()
    assert movement(book.sql, leg)["block_hash"] == book.chain.hashes[1]
    book.chain.mark(final=book.chain.head)
    await book.settle()
    assert movement(book.sql, leg)["is_final"]
    assert state(book.sql, late) == ("failed", "expired")
    assert totals(book.sql, book.offer) == (Decimal(160), 0, 1)
