"""Intents against the chain: each is settled by its own event, by nothing else, and fails when there is none."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.write_api.books import CONFIRMED, LIFE_BLOCKS, PENDING, Book, open_book
from tests.integration.write_api.ledger import (
    Event,
    investor,
    movement,
    offer,
    one,
    state,
    totals,
    withdraw,
)


@pytest.fixture
async def book(embedded_database: str, tmp_path: Path) -> AsyncIterator[Book]:
    async with open_book(embedded_database, tmp_path) as made:
        yield made


async def test_an_event_of_wallet_pool_and_amount_confirms_and_moves_the_totals(book: Book) -> None:
    leg = book.invest()
    assert totals(book.sql, book.offer) == (0, 100, 0)
    event = book.event()
    number = book.chain.block(event)
    await book.settle()
    row = movement(book.sql, leg)
    assert (row["status"], row["block_number"], row["log_index"]) == ("confirmed", number, 0)
    assert (row["transaction_hash"], row["block_hash"]) == (event.hash, book.chain.hashes[number])
    assert totals(book.sql, book.offer) == (100, 0, 1)
    investment = one(book.sql, "SELECT * FROM account.investments WHERE id = %s", row["investment_id"])
    assert (investment["status"], investment["transaction_hash"]) == ("confirmed", event.hash)


async def test_what_differs_in_anything_confirms_nothing(book: Book) -> None:
    leg = book.invest()
    other_offer, other_investor = offer(book.sql), investor(book.sql)
    book.chain.block(
        book.event("100.000001"),
        book.event(kind="withdrawal"),
        Event(book.offer.pool, other_investor.wallet, "100"),
        Event(other_offer.pool, book.investor.wallet, "100"),
    )
    await book.settle()
    assert state(book.sql, leg) == PENDING
    assert totals(book.sql, book.offer) == (0, 100, 0)


async def test_an_event_of_before_it_was_asked_for_confirms_nothing(book: Book) -> None:
    book.chain.block(book.event())
    leg = book.invest()
    await book.settle()
    assert state(book.sql, leg) == PENDING


async def test_one_event_confirms_one_intent_the_oldest_first(book: Book) -> None:
    first, second = book.invest(), book.invest()
    number = book.chain.block(book.event())
    await book.settle()
    assert (state(book.sql, first), state(book.sql, second)) == (CONFIRMED, PENDING)
    with book.sql.transaction():
        book.sql.execute("SET LOCAL ROLE pend_worker")
        again = one(book.sql, "SELECT account.confirm_transaction(%s, %s, 0) AS done", second, number)
    assert again["done"] is False
    book.chain.block(book.event())
    await book.settle()
    assert state(book.sql, second) == CONFIRMED
    assert totals(book.sql, book.offer) == (200, 0, 1)


async def test_a_named_transaction_settles_its_intent_and_no_older_one(book: Book) -> None:
    nameless = book.invest()
    event = book.event()
    named = book.invest(named=event.hash)
    book.chain.block(event)
    await book.settle()
    assert (state(book.sql, nameless), state(book.sql, named)) == (PENDING, CONFIRMED)


async def test_a_named_transaction_that_was_reverted_fails_once_that_is_final(book: Book) -> None:
    event = book.event()
    leg = book.invest(named=event.hash)
    book.chain.mark(final=0)
    number = book.chain.block(reverted=[event.hash])
    await book.settle()
    assert state(book.sql, leg) == PENDING
    book.chain.mark(final=number)
    await book.settle()
    assert state(book.sql, leg) == ("failed", "reverted")
    assert totals(book.sql, book.offer) == (0, 0, 0)


async def test_a_named_transaction_without_the_event_fails_once_it_is_decoded(book: Book) -> None:
    sent = book.event("99")
    leg = book.invest(named=sent.hash)
    book.chain.mark(decoded_to=0)
    number = book.chain.block(sent)
    await book.settle()
    assert state(book.sql, leg) == PENDING
    book.chain.mark(decoded_to=number)
    await book.settle()
    assert state(book.sql, leg) == ("failed", "no_matching_event")


async def test_nothing_expires_before_its_whole_life_is_decoded_and_final(book: Book) -> None:
    event = book.event()
    leg, named = book.invest(), book.invest("50", named=event.hash)
    book.chain.mark(decoded_to=0, final=0)
    book.blocks(LIFE_BLOCKS)
    for decoded_to, final in ((0, LIFE_BLOCKS), (LIFE_BLOCKS, 0), (20, LIFE_BLOCKS)):
        book.chain.mark(decoded_to=decoded_to, final=final)
        await book.settle()
        assert (state(book.sql, leg), state(book.sql, named)) == (PENDING, PENDING)
    book.chain.mark(decoded_to=LIFE_BLOCKS, final=LIFE_BLOCKS)
    await book.settle()
    assert state(book.sql, leg) == state(book.sql, named) == ("failed", "expired")
    assert totals(book.sql, book.offer) == (0, 0, 0)


async def test_a_history_that_begins_later_than_the_intent_expires_nothing(book: Book) -> None:
    leg = book.invest()
    book.blocks(LIFE_BLOCKS)
    book.sql.execute("UPDATE chain.derivations SET first_block = 5")
    await book.settle()
    assert state(book.sql, leg) == PENDING


async def test_a_withdrawal_counts_once_its_block_is_final(book: Book) -> None:
    leg = book.invest()
    book.chain.block(book.event())
    await book.settle()
    out = withdraw(book.sql, leg, "100")
    book.chain.mark(final=book.chain.head)
    number = book.chain.block(book.event(kind="withdrawal"))
    await book.settle()
    assert (state(book.sql, out), totals(book.sql, book.offer)) == (PENDING, (100, 0, 1))
    book.chain.mark(final=number)
    await book.settle()
    assert (state(book.sql, out), totals(book.sql, book.offer)) == (CONFIRMED, (0, 0, 0))
    row = one(
        book.sql,
        "SELECT status, withdrawn, withdrawing FROM account.investments WHERE id = %s",
        movement(book.sql, leg)["investment_id"],
    )
    assert (row["status"], row["withdrawn"], row["withdrawing"]) == ("refunded", 100, 0)
