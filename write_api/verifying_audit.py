"""Reads the audit trail, its seals and their anchors in order, and compares them; changes nothing."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from postgres.connections import OwnConnection
from write_api import audit_anchors
from write_api.audit_trail import Chain, Finding, Row, Seal, SealedRows
from write_api.definer_sessions import definer_session, queries
from write_api.key_stores import open_master_keys
from write_api.settings import WriteSettings

_SEALS, _ROWS, _LAST_ID = 20, 5_000, 2**63 - 1


@dataclass(slots=True)
class Counts:
    """What was looked at."""

    rows: int = 0
    seals: int = 0
    anchors: int = 0
    findings: int = 0


async def verify(settings: WriteSettings, unsealed_max: timedelta, say: Callable[[Finding], None]) -> Counts:
    """`say` is told each finding as it is made.

    Raises `EncryptionError`, `OSError` of the file of anchors, and the errors of postgres.errors.
    """
    keys = await open_master_keys(settings.encryption)
    path = settings.audit.anchor_file
    # First the anchors, then the snapshot: what is anchored by now is in the database by then.
    anchored = audit_anchors.size(path)
    counts = Counts()

    def found(finding: Finding | None) -> None:
        if finding is not None:
            counts.findings += 1
            say(finding)

    async with (
        definer_session(settings, "audit") as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        chain = Chain(audit_anchors.read(path, anchored), keys.keyed_hash, datetime.now(UTC) - unsealed_max)
        async for seal in _seals(connection):
            rows = SealedRows(seal, after_gap=chain.is_after_gap(seal))
            async for row in _rows(connection, chain.last_id, seal.last_id):
                counts.rows += 1
                found(rows.row(row))
            for finding in (*rows.end(), *chain.seal(seal)):
                found(finding)
            counts.seals += 1
        async for row in _rows(connection, chain.last_id, _LAST_ID):
            counts.rows += 1
            chain.unsealed(row)
        for finding in chain.end():
            found(finding)
    counts.anchors = chain.anchors
    return counts


async def _seals(connection: OwnConnection) -> AsyncIterator[Seal]:
    number = 0
    while found := await queries.select_seals_after.many(connection, number, _SEALS):
        for row in found:
            ids, hashes = tuple(row["row_ids"]), tuple(row["row_hashes"])
            yield Seal(**{**dict(row), "row_ids": ids, "row_hashes": hashes})
        number = found[-1]["number"]


async def _rows(connection: OwnConnection, after: int, last: int) -> AsyncIterator[Row]:
    while found := await queries.select_audit_texts.many(connection, after, last, _ROWS):
        for row in found:
            yield Row(row["id"], row["timestamp"], row["text"])
        after = found[-1]["id"]
