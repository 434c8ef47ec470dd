"""ABIs put in force and out of it, each change in one transaction that says from which block on it counts.

Each is announced: it changes what is said of a contract, whether or not a log is read by it.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from evm.abi.reading import read_abi
from evm.primitives import to_hex
from indexer.decode.abis import Factory, NamedAbi, built_in, event_entry, event_from_entry
from indexer.decode.candidates import Candidate, events_of, resolve
from indexer.decode.errors import AbiAmbiguous, AbiNotFound, AbiOfFolder
from indexer.derive.derivation import queries as derive_queries
from indexer.outbox import announce
from indexer.writer import queries
from postgres.connections import Connection
from postgres.errors import translated

Source = Literal["command", "folder"]
Change = Literal["added", "replaced", "unchanged"]

_BIGINT_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Registered:
    """An ABI in force. `stored` is its row's id, name and content hash, `source` who put it there."""

    abi: NamedAbi
    source: str
    content_hash: bytes


@dataclass(frozen=True, slots=True)
class Added:
    """What adding one ABI did. New blocks are read by it from `in_force_from` on.

    `older` are the blocks below that are decoded already: only a redecode reads them by it.
    """

    abi: NamedAbi
    change: Change
    in_force_from: int
    older: tuple[int, int] | None


async def registered(connection: Connection) -> list[Registered]:
    """The ABIs in force, without the built-in ones."""
    with translated():
        rows = await queries.select_contract_abis.many(connection)
    return [Registered(named_abi(row), row["source"], row["content_hash"]) for row in rows]


async def add(connection: Connection, candidates: Sequence[Candidate], source: Source) -> list[Added]:
    """Put ABIs in force, all or none. One with the name of another for the same contracts replaces it.

    Raises `FactoryRefused` for an announcement that no ABI declares, and `AbiOfFolder`.
    """
    with translated():
        async with connection.transaction():
            await _lock(connection)
            known = await registered(connection)
            factories = [_factory(candidate, candidates, known) for candidate in candidates]
            changes = [
                (candidate, factory, _like(candidate, known))
                for candidate, factory in zip(candidates, factories, strict=True)
            ]
            version = None
            added: list[tuple[NamedAbi, Change]] = []
            for candidate, factory, old in changes:
                if old is not None and _is_same(old, candidate, factory):
                    added.append((old.abi, "unchanged"))
                    continue
                if old is not None and source == "command" and old.source == "folder":
                    raise AbiOfFolder(old.abi.name)
                if version is None:
                    version = await queries.raise_abi_version.value(connection)
                if old is not None:
                    await queries.remove_contract_abi.exec(connection, old.abi.id, version)
                abi = await _insert(connection, candidate, factory, source, version)
                added.append((abi, "added" if old is None else "replaced"))
            decoded = await queries.select_decoded_range.one(connection)
            await _announce(connection, added, decoded)
            return [_added(abi, change, decoded) for abi, change in added]


async def remove(connection: Connection, wanted: str) -> Registered:
    """Put the ABI with this name or id out of force. Raises `AbiNotFound`, `AbiAmbiguous`, `AbiOfFolder`."""
    with translated():
        async with connection.transaction():
            await _lock(connection)
            known = await registered(connection)
            found = [each for each in known if wanted in {each.abi.name, str(each.abi.id)}]
            if not found:
                raise AbiNotFound(wanted, sorted({each.abi.name for each in known}))
            if len(found) > 1:
                raise AbiAmbiguous(wanted, [each.abi.id for each in found])
            if found[0].source == "folder":
                raise AbiOfFolder(found[0].abi.name)
            await _remove(connection, found)
            return found[0]


async def remove_all(connection: Connection, abis: Sequence[Registered]) -> None:
    """Put ABIs out of force, all or none."""
    with translated():
        async with connection.transaction():
            await _lock(connection)
            await _remove(connection, abis)


async def named(connection: Connection, wanted: str) -> list[NamedAbi]:
    """The ABIs in force with this name or id, else the one that was removed last. Raises `AbiNotFound`."""
    is_id = wanted.isascii() and wanted.isdigit() and int(wanted) <= _BIGINT_MAX
    with translated():
        rows = await queries.select_named_abis.many(connection, wanted, int(wanted) if is_id else None)
        if not rows:
            raise AbiNotFound(wanted, sorted({each.abi.name for each in await registered(connection)}))
    in_force = [row for row in rows if row["is_in_force"]]
    return [named_abi(row) for row in in_force or rows[:1]]


async def _lock(connection: Connection) -> None:
    """Whoever derives, reverts or redecodes ends first; each takes derivations before the version."""
    await derive_queries.lock_derivations.many(connection)
    await queries.lock_abi_state.value(connection)


async def _remove(connection: Connection, abis: Sequence[Registered]) -> None:
    version = await queries.raise_abi_version.value(connection)
    for each in abis:
        await queries.remove_contract_abi.exec(connection, each.abi.id, version)
    decoded = await queries.select_decoded_range.one(connection)
    await _announce(connection, [(each.abi, "removed") for each in abis], decoded)


async def _announce(
    connection: Connection, changes: Sequence[tuple[NamedAbi, Change | Literal["removed"]]], decoded: Any
) -> None:
    """A row for each change, of all decoded blocks: by what a contract is read is said of it as a whole."""
    payloads = [
        {
            "abi": abi.name,
            "id": abi.id,
            "change": change,
            "address": to_hex(abi.address) if abi.address else None,
            "factory": to_hex(abi.factory.address) if abi.factory else None,
        }
        for abi, change in changes
        if change != "unchanged"
    ]
    if payloads:
        await announce(connection, "decoded", (0, decoded["derived_to"] if decoded else 0), payloads)


def named_abi(row: Any) -> NamedAbi:
    """From a row with its content."""
    factory = None
    if row["factory"] is not None:
        event = event_from_entry(row["factory_event"])
        factory = Factory(row["factory"], event, row["factory_argument"])
    abi = read_abi(row["content"])
    return NamedAbi(row["id"], row["name"], abi, row["address"], factory, row["from_block"])


def _factory(
    candidate: Candidate, candidates: Iterable[Candidate], known: Sequence[Registered]
) -> Factory | None:
    announcement = candidate.announcement
    if announcement is None:
        return None
    files = [event for each in candidates for event in each.abi.events]
    own = events_of(each.abi for each in known if each.abi.address == announcement.address)
    others = events_of(each.abi for each in known if each.abi.is_everywhere)
    # A proxy's implementation, or the ABI of another factory of the same making.
    rest = events_of(each.abi for each in known if not each.abi.is_everywhere)
    return resolve(announcement, (files, own, others, events_of(built_in()), rest))


def _like(candidate: Candidate, known: Iterable[Registered]) -> Registered | None:
    """The ABI in force that the candidate takes the place of."""
    factory = candidate.announcement.address if candidate.announcement else None
    key = candidate.name, candidate.address, factory
    for each in known:
        abi = each.abi
        if (abi.name, abi.address, abi.factory.address if abi.factory else None) == key:
            return each
    return None


def _is_same(old: Registered, candidate: Candidate, factory: Factory | None) -> bool:
    return (
        old.content_hash == candidate.content_hash
        and old.abi.from_block == candidate.from_block
        and old.abi.factory == factory
    )


async def _insert(
    connection: Connection, candidate: Candidate, factory: Factory | None, source: Source, version: int
) -> NamedAbi:
    abi_id = await queries.insert_contract_abi.value(
        connection,
        candidate.name,
        source,
        candidate.content,
        candidate.content_hash,
        candidate.address,
        factory.address if factory else None,
        json.dumps(event_entry(factory.event)) if factory else None,
        factory.argument if factory else None,
        candidate.from_block,
        version,
    )
    return NamedAbi(abi_id, candidate.name, candidate.abi, candidate.address, factory, candidate.from_block)


def _added(abi: NamedAbi, change: Change, decoded: Any) -> Added:
    if decoded is None:
        return Added(abi, change, abi.from_block, None)
    first, last = max(decoded["first_block"], abi.from_block), decoded["derived_to"]
    return Added(abi, change, max(last + 1, abi.from_block), (first, last) if first <= last else None)
