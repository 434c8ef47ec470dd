"""Intents settled by what the chain says: confirmed by their event, failed when there will be none.

What fails stays failed, so only final blocks fail an intent; a confirmed one that a reorg takes back is
pending again. Each step is one short transaction, which the database checks by itself: stopping anywhere
loses nothing.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import structlog

from postgres.connections import OwnConnection
from postgres.errors import DatabaseError, Retryable, translated
from postgres.queries import Query
from write_api.working.legs import History, Intent, PoolEvent, Waiting, failure
from write_api.working.worker import Worker, queries

log = structlog.get_logger(__name__)

_PAGE, _EVENTS = 500, 2_000
_FIRST = (datetime(1970, 1, 1, tzinfo=UTC), UUID(int=0))
_NEWEST = (2**62, 0)


async def settle(worker: Worker) -> None:
    """One look at everything that waits."""
    async with worker.sessions.connection() as connection:
        history = await _history(connection, worker.settings.worker.final_after_blocks)
        if history is None:
            return
        await _take_back(worker, connection)
        while await queries.finalize_transactions.value(connection, history.settled_to, _PAGE) == _PAGE:
            pass
        # Those that name their transaction come first, so that nobody else is given its event.
        for are_named in (True, False):
            async for intents in _pages(connection, are_named=are_named):
                if worker.stopping.is_set():
                    return
                await _settle_page(connection, intents, history)


async def _history(connection: OwnConnection, final_after: int) -> History | None:
    row = await queries.select_history.one(connection, final_after)
    if row is None:
        return None
    decoded_to = min(row["derived_to"], row["head_number"])
    settled_to = min(row["final_number"], decoded_to)
    numbers = [row["first_block"], settled_to]
    times = {
        each["number"]: each["timestamp"]
        for each in await queries.select_block_times.many(connection, numbers)
    }
    if row["first_block"] not in times:
        return None
    return History(
        row["first_block"], times[row["first_block"]], decoded_to, settled_to, times.get(settled_to)
    )


async def _take_back(worker: Worker, connection: OwnConnection) -> None:
    """The newest first: a withdrawal before the investment it is of."""
    last = _NEWEST
    while legs := await queries.select_not_final_transactions.many(connection, *last, _PAGE):
        numbers = list({leg["block_number"] for leg in legs})
        rows = await queries.select_block_hashes.many(connection, numbers)
        hashes = {row["number"]: row["hash"] for row in rows}
        for leg in legs:
            if hashes.get(leg["block_number"]) == leg["block_hash"]:
                continue
            if await _done(connection, queries.unconfirm_transaction, leg["id"]):
                log.warning("a reorg took a leg back", transaction=str(leg["id"]), block=leg["block_number"])
            else:
                log.error(
                    "a leg is not on the chain any more, but others stand on it", transaction=str(leg["id"])
                )
        if len(legs) < _PAGE or worker.stopping.is_set():
            return
        last = (legs[-1]["block_number"], legs[-1]["log_index"])


async def _pages(connection: OwnConnection, *, are_named: bool) -> AsyncIterator[list[Intent]]:
    """Pages of what is open and names its transaction, or does not."""
    last = _FIRST
    while rows := await queries.select_open_transactions.many(connection, *last, _PAGE):
        intents = [
            Intent(
                row["id"],
                row["kind"],
                row["wallet"],
                row["pool"],
                row["chain_amount"],
                row["transaction_hash"],
                row["asked_at_block"],
                row["created_at"],
                row["expires_at"],
            )
            for row in rows
        ]
        if chosen := [each for each in intents if (each.transaction_hash is not None) is are_named]:
            yield chosen
        if len(rows) < _PAGE:
            return
        last = (rows[-1]["created_at"], rows[-1]["id"])


async def _settle_page(connection: OwnConnection, intents: list[Intent], history: History) -> None:
    intents, reverted = await _placed(connection, intents)
    waiting = Waiting(intents)
    async for event in _events(connection, intents, history.decoded_to):
        for intent in waiting.for_event(event, history.settled_to):
            if await _done(
                connection, queries.confirm_transaction, intent.id, event.block_number, event.log_index
            ):
                log.info("confirmed", transaction=str(intent.id), kind=intent.kind, block=event.block_number)
                waiting.settled(intent)
                break
    for intent in waiting:
        why = failure(intent, history, reverted)
        if why is not None and await _done(connection, queries.fail_transaction, intent.id, why):
            log.info("failed", transaction=str(intent.id), kind=intent.kind, reason=why)


async def _placed(connection: OwnConnection, intents: list[Intent]) -> tuple[list[Intent], frozenset[bytes]]:
    """The same with the places of the transactions they name, and which of those were reverted."""
    named = [intent.transaction_hash for intent in intents if intent.transaction_hash is not None]
    if not named:
        return intents, frozenset()
    rows = await queries.select_transaction_locations.many(connection, named)
    places = {row["hash"]: (row["block_number"], row["transaction_index"]) for row in rows}
    numbers = list({number for number, _ in places.values()})
    reverted = await queries.select_reverted.many(connection, numbers, list(places))
    placed = [replace(intent, place=places.get(intent.transaction_hash or b"")) for intent in intents]
    return placed, frozenset(row["hash"] for row in reverted)


async def _events(connection: OwnConnection, intents: list[Intent], to: int) -> AsyncIterator[PoolEvent]:
    """What the wallets of these intents did in their pools since they were asked for, the lowest first."""
    wallets, pools = list({each.wallet for each in intents}), list({each.pool for each in intents})
    last = (min(intent.asked_at_block for intent in intents) + 1, -1)
    while rows := await queries.select_pool_events.many(connection, wallets, pools, to, *last, _EVENTS):
        for row in rows:
            yield PoolEvent(
                row["block_number"],
                row["log_index"],
                row["transaction_index"],
                row["pool"],
                row["signature"],
                row["wallet"],
                row["amount"],
            )
        if len(rows) < _EVENTS:
            return
        last = (rows[-1]["block_number"], rows[-1]["log_index"])


async def _done(connection: OwnConnection, query: Query, transaction: UUID, *arguments: object) -> bool:
    """Whether the database did it. One that it cannot settle is logged, and keeps no other one waiting."""
    try:
        with translated():
            return bool(await query.value(connection, transaction, *arguments))
    except Retryable:
        raise
    except DatabaseError as error:
        log.error("a transaction cannot be settled", transaction=str(transaction), reason=str(error))  # noqa: TRY400
        return False
