"""The registered ABIs, read from the database once for each version and kept compiled."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from evm.abi.entries import Abi
from evm.abi.reading import read_abi
from indexer.decode.abis import Factory, NamedAbi, event_from_entry
from indexer.decode.knowledge import Knowledge
from indexer.derive.derivation import queries
from postgres.connections import Connection

_VERSIONS_KEPT = 16
_ABIS_KEPT = 2_000


@dataclass(slots=True)
class Library:
    """Keeps what it has read: a version never changes, and its stamp says which database it is of."""

    _versions: OrderedDict[tuple[UUID, int], Knowledge] = field(default_factory=OrderedDict)
    _same: OrderedDict[tuple[tuple[Any, ...], ...], Knowledge] = field(default_factory=OrderedDict)
    _abis: dict[bytes, Abi] = field(default_factory=dict)

    async def knowledge(self, connection: Connection, stamp: UUID, version: int) -> Knowledge:
        """The ABIs of `version`; `stamp` is that of the version now in force."""
        key = stamp, version
        if key not in self._versions:
            rows = await queries.select_abis_in_force.many(connection, version)
            same = tuple(tuple(row) for row in rows)
            if same not in self._same:
                _keep(self._same, same, Knowledge([await self._named(connection, row) for row in rows]))
            _keep(self._versions, key, self._same[same])
        return self._versions[key]

    async def _named(self, connection: Connection, row: Any) -> NamedAbi:
        digest = row["content_hash"]
        if digest not in self._abis:
            if len(self._abis) >= _ABIS_KEPT:
                self._abis.clear()
            contents = await queries.select_abi_contents.many(connection, [row["id"]])
            self._abis[digest] = read_abi(contents[0]["content"])
        factory = None
        if row["factory"] is not None:
            event = event_from_entry(row["factory_event"])
            factory = Factory(row["factory"], event, row["factory_argument"])
        return NamedAbi(
            row["id"], row["name"], self._abis[digest], row["address"], factory, row["from_block"]
        )


def _keep(kept: OrderedDict[Any, Knowledge], key: Any, value: Knowledge) -> None:
    kept[key] = value
    while len(kept) > _VERSIONS_KEPT:
        kept.popitem(last=False)
