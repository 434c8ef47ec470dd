"""What the database says, in the form in which `meaning_truth` answers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row

from tests.acceptance.meaning_node import ZERO, Key, Row


@dataclass(frozen=True)
class Stored:
    """Everything of one moment."""

    balances: dict[Key, int]
    tokens: dict[Key, tuple[int, int, int]]
    addresses: dict[bytes, Row]
    events: dict[Key, Row]
    undecodable: list[str]
    unknown: Counter[bytes]
    calls: dict[Key, Row]
    implementations: dict[bytes, bytes]
    children: dict[bytes, int]
    metadata: dict[bytes, Row]
    native_balances: dict[bytes, int]
    codes: dict[bytes, Row]
    internal_transfers: dict[Key, Row]


def stored(connection: Connection[Any]) -> Stored:
    """One snapshot of all of it."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        events = _by(connection, _EVENTS, 2)
        return Stored(
            balances={key: row["balance"] for key, row in _by(connection, _BALANCES, 4).items()},
            tokens={
                key: (row["holder_count"], row["minted"] - row["burned"], row["transfer_count"])
                for key, row in _by(connection, _TOKENS, 2).items()
            },
            addresses=_addresses(connection),
            events={key: row for key, row in events.items() if row["arguments"] is not None},
            undecodable=[row["undecodable"] for row in _rows(connection, _UNDECODABLE)],
            unknown=Counter({row["topic0"]: row["log_count"] for row in _rows(connection, _UNKNOWN)}),
            calls=_by(connection, _CALLS, 2),
            implementations={row["proxy"]: row["target"] for row in _rows(connection, _IMPLEMENTATIONS)},
            children={row["child"]: row["block_number"] for row in _rows(connection, _CHILDREN)},
            metadata={key[0]: row for key, row in _by(connection, _METADATA, 1).items()},
            native_balances={row["address"]: row["balance"] for row in _rows(connection, _NATIVE)},
            codes={key[0]: row for key, row in _by(connection, _CODES, 1).items()},
            internal_transfers={
                (block, index, tuple(place)): row
                for (block, index, place), row in _by(connection, _INTERNAL, 3).items()
            },
        )


REST = """
SELECT (SELECT min(derived_to) FROM chain.derivations) = head.number
   AND NOT EXISTS (SELECT FROM chain.unread_balances)
   AND NOT EXISTS (SELECT FROM chain.unread_codes)
   AND NOT EXISTS (SELECT FROM chain.fetch_progress WHERE (first_block, last_block) <> (0, head.number))
   AND NOT EXISTS (SELECT FROM chain.traced_blocks WHERE state <> 'traced')
   AND NOT EXISTS (SELECT FROM chain.tokens LEFT JOIN chain.token_metadata USING (token) WHERE state IS NULL)
FROM (SELECT max(number) AS number FROM chain.blocks) AS head
WHERE (SELECT hash FROM chain.blocks ORDER BY number DESC LIMIT 1) = %s
"""
"""Whether all is derived and fetched up to the block of a hash, which is the stored head."""

_BALANCES = "SELECT token, standard, holder, token_id, balance FROM chain.token_balances WHERE balance <> 0"
_TOKENS = "SELECT token, standard, holder_count, minted, burned, transfer_count FROM chain.tokens"
_ADDRESSES = """
SELECT address, nonce, sent_count, contract_block IS NOT NULL AS is_contract, creator, creation_block,
       creation_transaction_index
FROM chain.addresses
"""
_EVENTS = """
SELECT block_number, log_index, transaction_index, address, abi, name, signature, arguments
FROM chain.decoded_events
"""
_UNDECODABLE = "SELECT undecodable FROM chain.decoded_events WHERE undecodable IS NOT NULL"
_UNKNOWN = "SELECT topic0, log_count FROM chain.unknown_topics"
_CALLS = """
SELECT block_number, transaction_index, address, abi, name, signature, arguments
FROM chain.decoded_calls WHERE name IS NOT NULL
"""
_IMPLEMENTATIONS = """
SELECT DISTINCT ON (proxy) proxy, target FROM chain.proxy_implementations
WHERE kind = 'implementation' ORDER BY proxy, block_number DESC, log_index DESC
"""
_CHILDREN = "SELECT child, block_number FROM chain.factory_children"
_METADATA = "SELECT token, name, symbol, decimals, total_supply, state FROM chain.token_metadata"
_NATIVE = "SELECT address, balance FROM chain.native_balances"
_CODES = "SELECT address, kind, code_hash, code_size, clone_of FROM chain.contract_codes"
_INTERNAL = """
SELECT block_number, transaction_index, trace_address, type, from_address, to_address, value,
       error IS NOT NULL AS failed
FROM chain.internal_transfers
"""


def asked_at(connection: Connection[Any]) -> dict[bytes, tuple[int, bytes]]:
    """The block at which each token was asked, with its hash."""
    query = "SELECT token, block_number, block_hash FROM chain.token_metadata"
    return {row["token"]: (row["block_number"], row["block_hash"]) for row in _rows(connection, query)}


def _addresses(connection: Connection[Any]) -> dict[bytes, Row]:
    found = {}
    for row in _rows(connection, _ADDRESSES):
        maker = (row.pop("creator"), row.pop("creation_block"), row.pop("creation_transaction_index"))
        address = row.pop("address")
        if address != ZERO:
            found[address] = {**row, "created_by": None if maker == (None, None, None) else maker}
    return found


def _rows(connection: Connection[Any], query: str) -> list[Row]:
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query).fetchall()
    return [{name: _plain(value) for name, value in row.items()} for row in rows]


def _by(connection: Connection[Any], query: str, parts: int) -> dict[Key, Row]:
    """Rows by their first columns."""
    found: dict[Key, Row] = {}
    for row in _rows(connection, query):
        names = list(row)
        key = tuple(tuple(row[each]) if isinstance(row[each], list) else row[each] for each in names[:parts])
        found[key] = {name: row[name] for name in names[parts:]}
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value)
    return bytes(value) if isinstance(value, memoryview) else value
