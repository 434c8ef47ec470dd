"""The folder of ABIs: a file that comes, changes or goes is an ABI added, replaced or removed at once.

The database says what was taken from the folder, so a daemon that was away finds what it has missed.
"""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from indexer.decode.candidates import Candidate, read_candidate
from indexer.decode.registration import Registered, add, registered, remove_all
from indexer.errors import Refused
from indexer.settings import IndexerSettings
from postgres import errors as database_errors
from postgres.connections import Connection
from postgres.pool import connect

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 2.0

_Snapshot = tuple[tuple[str, int, int], ...]


@dataclass(slots=True)
class AbiFolder:
    """What the folder held when it was looked at last."""

    path: Path
    _seen: _Snapshot | None = None
    _faults: dict[str, str] = field(default_factory=dict)

    def look(self) -> _Snapshot | None:
        """The files with their times and sizes, if that is not what was taken already."""
        with os.scandir(self.path) as entries:
            found = [
                (entry.name, status.st_mtime_ns, status.st_size)
                for entry in entries
                if entry.name.endswith(".json") and not entry.name.startswith(".") and entry.is_file()
                for status in (entry.stat(),)
            ]
        snapshot = tuple(sorted(found))
        return None if snapshot == self._seen else snapshot

    async def take(self, connection: Connection, snapshot: _Snapshot) -> int:
        """Bring the ABIs in force to what the files say; how many changed.

        A file that holds no ABI is said in the log and changes nothing: what it held before stays in force.
        """
        candidates, faults = await asyncio.to_thread(_read, [self.path / name for name, _, _ in snapshot])
        known = [each for each in await registered(connection) if each.source == "folder"]
        changed, refused = 0, False
        # A factory's event may be declared by another of the files.
        for candidate in sorted(candidates, key=lambda each: each.announcement is not None):
            if any(_is_unchanged(candidate, each) for each in known):
                continue
            try:
                (added,) = await add(connection, [candidate], "folder")
            except Refused as error:
                faults[candidate.name] = f"{error} {error.next_step}"
                refused = True
            else:
                changed += added.change != "unchanged"
                log.info(
                    "ABI taken from the folder", abi=added.abi.name, change=added.change, id=added.abi.id
                )
        wanted = {_key(candidate) for candidate in candidates}
        gone = [each for each in known if each.abi.name not in faults and _key_of(each) not in wanted]
        if gone:
            await remove_all(connection, gone)
            for each in gone:
                log.info("ABI removed with its file", abi=each.abi.name, id=each.abi.id)
        for name, fault in faults.items():
            if self._faults.get(name) != fault:
                log.warning("no ABI taken from a file of the folder", abi=name, reason=fault)
        # What a factory's file lacks may be registered by a command: it is tried again.
        self._faults, self._seen = faults, None if refused else snapshot
        return changed + len(gone)


async def watch_abi_folder(settings: IndexerSettings, look_every_s: float = LOOK_EVERY_S) -> None:
    """Take over every change of `decode.abi_folder`, for ever; returns at once where none is set.

    A folder or database that is away is waited for.
    """
    if settings.decode.abi_folder is None:
        return
    folder, database = Path(settings.decode.abi_folder), settings.database_settings("pend-index abi")
    watched, complaint = AbiFolder(folder), ""
    while True:
        try:
            snapshot = await asyncio.to_thread(watched.look)
            if snapshot is not None:
                connection = await connect(database)
                try:
                    await watched.take(connection, snapshot)
                finally:
                    connection.terminate()
            complaint = ""
        except (OSError, database_errors.Retryable) as error:
            if str(error) != complaint:
                complaint = str(error)
                log.warning("folder of ABIs not taken over", folder=str(folder), reason=complaint)
        await asyncio.sleep(look_every_s)


def _read(paths: Sequence[Path]) -> tuple[list[Candidate], dict[str, str]]:
    """ABIs, and what is wrong with the other files by the names their ABIs would have."""
    candidates, faults = [], {}
    for path in paths:
        try:
            candidates.append(read_candidate(path))
        except Refused as error:
            faults[path.stem] = f"{error} {error.next_step}"
    return candidates, faults


def _is_unchanged(candidate: Candidate, old: Registered) -> bool:
    announcement, factory = candidate.announcement, old.abi.factory
    if _key(candidate) != _key_of(old):
        return False
    if announcement is not None and factory is not None:
        named = {factory.event.name, factory.event.signature}
        if announcement.event not in named or announcement.argument != factory.argument:
            return False
    return old.content_hash == candidate.content_hash and old.abi.from_block == candidate.from_block


def _key(candidate: Candidate) -> tuple[str, bytes | None, bytes | None]:
    factory = candidate.announcement.address if candidate.announcement else None
    return candidate.name, candidate.address, factory


def _key_of(old: Registered) -> tuple[str, bytes | None, bytes | None]:
    return old.abi.name, old.abi.address, old.abi.factory.address if old.abi.factory else None
