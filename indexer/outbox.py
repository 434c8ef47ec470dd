"""Rows of the outbox for what is committed beside blocks: what was fetched, and by what logs are read."""

import json
from collections.abc import Mapping, Sequence
from typing import Literal

from postgres.connections import Connection
from postgres.queries import load

queries = load("indexer")

Kind = Literal["token", "fetched", "decoded"]


async def announce(
    connection: Connection,
    kind: Kind,
    blocks: tuple[int, int],
    payloads: Sequence[Mapping[str, object]],
    head_hash: bytes | None = None,
) -> None:
    """Add a row for each payload, as the caller's transaction ends: every later commit waits for this one.

    Invariant 10. Before a network is recorded there is no outbox, and nobody to tell.
    """
    state = await queries.claim_sequences.one(connection, len(payloads), -1)
    if state is None:
        return
    last = state["outbox_sequence"]
    await queries.insert_outbox_rows.exec(
        connection,
        last - len(payloads) + 1,
        kind,
        *blocks,
        head_hash,
        [json.dumps(each) for each in payloads],
    )
    await queries.notify_outbox.exec(connection, last)
