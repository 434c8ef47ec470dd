"""How each block was agreed on, read from its header, and the validator sets as they change.

Recovering the seals is most of the work: 50 µs each, spread over threads since the library lets go of the
GIL, a page of blocks at a time. Networks without seals cost one look at their consensus.
"""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import structlog

from evm.blocks import Header
from evm.consensus import Consensus, detect_consensus, has_immediate_finality
from evm.duty import Tally
from evm.extra_data import MalformedExtraData
from evm.seals import Sealed, read_seals
from indexer.derive.derivation import queries
from indexer.derive.validator_sets import Agreed, SetChange, Succession, ValidatorSet, subjects
from indexer.stored import MalformedColumn, Row, to_header
from postgres.connections import Connection
from postgres.copy import copy_records

PAGE_BLOCKS = 512
"""Read, recovered and stored at a time: some hundred kilobytes of headers."""

ROUND_COLUMNS = (
    "block_number", "proposer", "round", "committers", "vote_address", "vote_add", "in_turn", "missed",
    "proven", "set_from", "trusted_from",
)  # fmt: skip
SET_COLUMNS = ("from_block", "validators", "added", "removed", "epoch")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ConsensusRounds:
    name: str = "consensus_rounds"
    tables: tuple[str, ...] = ("consensus_rounds", "validators")

    async def apply(self, connection: Connection, first: int, last: int) -> None:
        text = await queries.select_consensus.value(connection)
        consensus = Consensus.ETHEREUM if text is None else Consensus(text)
        if consensus is Consensus.ETHEREUM:
            return
        for start in range(first, last + 1, PAGE_BLOCKS):
            await _apply_page(connection, consensus, start, min(start + PAGE_BLOCKS - 1, last))

    async def revert(self, connection: Connection, first: int, last: int) -> None:
        await queries.delete_consensus_rounds.exec(connection, first, last)
        await queries.delete_validators.exec(connection, first, last)


CONSENSUS_ROUNDS = ConsensusRounds()


async def _apply_page(connection: Connection, consensus: Consensus, first: int, last: int) -> None:
    run = await _recover(await queries.select_headers.many(connection, first, last), consensus)
    before = await _select_before(connection, first)
    succession = Succession(consensus, before, await _select_tally(connection, consensus, before, run))
    rounds: list[tuple[Any, ...]] = []
    changes: list[tuple[Any, ...]] = []
    for sealed in run:
        agreed, change = succession.judge(sealed)
        rounds.append(_round_row(sealed, agreed))
        if change is not None:
            changes.append(_set_row(change))
    if changes:
        await copy_records(connection, "validators", SET_COLUMNS, changes)
    if rounds:
        await copy_records(connection, "consensus_rounds", ROUND_COLUMNS, rounds)


async def _recover(rows: Sequence[Row], consensus: Consensus) -> list[Sealed]:
    """Consensus of the headers that have one, in their order."""
    share = max(1, -(-len(rows) // (os.cpu_count() or 1)))
    parts = [rows[start : start + share] for start in range(0, len(rows), share)]
    read = await asyncio.gather(*(asyncio.to_thread(_read_all, part, consensus) for part in parts))
    return list(chain.from_iterable(read))


def _read_all(rows: Sequence[Row], consensus: Consensus) -> list[Sealed]:
    run: list[Sealed] = []
    for row in rows:
        try:
            header = to_header(row)
            sealed = read_seals(header, _consensus_of(header, consensus))
        except (MalformedExtraData, MalformedColumn) as error:
            # Ingest refuses such a header (invariant 5); what it hides is better left out than guessed.
            log.warning("block without consensus", number=row["number"], reason=str(error))
            continue
        if sealed is not None:
            run.append(sealed)
    return run


def _consensus_of(header: Header, network: Consensus) -> Consensus:
    """The network's, but QBFT blocks may stand on IBFT2 ones (Besu's migration)."""
    found = detect_consensus(header) if has_immediate_finality(network) else network
    return found if has_immediate_finality(found) else network


async def _select_before(connection: Connection, first: int) -> Agreed | None:
    row = await queries.select_agreed_before.one(connection, first)
    if row is None:
        return None
    trusted = None
    if row["trusted_from"] is not None:
        trusted = ValidatorSet(row["trusted_from"], tuple(row["trusted"]))
    validators = None if row["validators"] is None else tuple(row["validators"])
    return Agreed(
        number=row["block_number"],
        proposer=row["proposer"],
        voted_on=row["vote_address"],
        proven=row["proven"],
        set=ValidatorSet(row["set_from"], validators),
        trusted=trusted,
    )


async def _select_tally(
    connection: Connection, consensus: Consensus, before: Agreed | None, run: Sequence[Sealed]
) -> Tally:
    """The votes that still count below the run; asked for only where a set changes or may."""
    tally = Tally()
    about = subjects(consensus, before, run)
    if before is None or before.set.validators is None or not about:
        return tally
    first = before.number + 1
    for vote in await queries.select_open_votes.many(
        connection, list(about), list(before.set.validators), first
    ):
        tally.cast(vote["voter"], vote["subject"], add=vote["vote_add"])
    return tally


def _round_row(sealed: Sealed, agreed: Agreed) -> tuple[Any, ...]:
    vote_address, vote_add = sealed.vote or (None, None)
    return (
        sealed.number,
        sealed.proposer,
        sealed.round,
        sealed.committers,
        vote_address,
        vote_add,
        sealed.in_turn,
        agreed.missed,
        agreed.proven,
        agreed.set.from_block,
        None if agreed.trusted is None else agreed.trusted.from_block,
    )


def _set_row(change: SetChange) -> tuple[Any, ...]:
    return (change.set.from_block, change.set.validators, change.added, change.removed, change.epoch)
