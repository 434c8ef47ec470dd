"""The worker: tasks with periods of their own, for as long as this process holds the database's one lock."""

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

import structlog

from postgres.connections import OwnConnection
from postgres.errors import PrivilegeMissing, Retryable, translated
from postgres.pool import DatabaseSettings, connect
from postgres.queries import load
from postgres.reader import Reader
from write_api.encryption.master_keys import MasterKeys, check_named
from write_api.settings import WriteSettings
from write_api.storage.objects import Storage

log = structlog.get_logger(__name__)

queries = load("write_worker")

_CONNECTIONS, _CONNECTION_WAIT_S = 4, 30.0
_WATCH_S, _SILENT_S = 1.0, 15.0
_BACKOFF_S, _BACKOFF_MAX_S = 0.2, 30.0
_LAST_WORDS_S = 10.0


@dataclass(slots=True)
class Worker:
    """What every task works with. A task leaves whatever it has begun whole, or as it was."""

    settings: WriteSettings
    sessions: Reader
    storage: Storage
    keys: MasterKeys
    stopping: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Task:
    """`work` is done anew `every_s` after it has ended; cancelled after `deadline_s`."""

    name: str
    work: Callable[[Worker], Awaitable[object]]
    every_s: float
    deadline_s: float = 60.0


def worker_database(settings: WriteSettings) -> DatabaseSettings:
    """Sessions whose plans are made anew: what they read of the chain may be hypertables (DESIGN.md 8.7)."""
    given = settings.database.connection_settings("pend-write-work")
    return replace(given, search_path="pg_catalog", caller_keeps_time=True, plans_once=False)


def open_sessions(settings: WriteSettings) -> Reader:
    """Nothing is connected to yet."""
    return Reader(worker_database(settings), _CONNECTIONS, _CONNECTION_WAIT_S)


async def run(worker: Worker, tasks: Sequence[Task], begun: Callable[[], None]) -> None:
    """Do the tasks until `worker.stopping`; `begun` is called each time the lock becomes this process's.

    A database that is away, or another worker that holds the lock, is waited for. Raises what waiting cannot
    mend, such as a login that is refused and a key store without keys that are named.
    """
    failures = 0
    while not worker.stopping.is_set():
        lock: OwnConnection | None = None
        try:
            with translated():
                lock = await connect(worker_database(worker.settings))
                if await _locked(worker, lock):
                    failures = 0
                    await _check(worker)
                    begun()
                    await _do_all(worker, tasks, lock)
        except Retryable as error:
            failures += 1
            log.warning("the database is away", reason=str(error), failures=failures)
            await _pause(worker, _backoff_s(failures))
        finally:
            if lock is not None:
                lock.terminate()


async def _locked(worker: Worker, lock: OwnConnection) -> bool:
    """Whether the lock is ours; asked for again and again, for a statement that waits holds back vacuum."""
    while not worker.stopping.is_set():
        async with asyncio.timeout(_SILENT_S):
            if await queries.try_worker_lock.value(lock):
                return True
        await _pause(worker, _WATCH_S)
    return False


async def _check(worker: Worker) -> None:
    """Raises `PrivilegeMissing`, `KeyStoreLost`: no task would ever succeed."""
    async with worker.sessions.connection() as connection:
        if not await queries.select_may_work.value(connection):
            raise PrivilegeMissing("this role may not do the work of the worker")
        named = await queries.select_master_keys.many(connection)
    check_named(worker.keys, {row["master_key_id"]: row["data_keys"] for row in named})


async def _do_all(worker: Worker, tasks: Sequence[Task], lock: OwnConnection) -> None:
    """Until it is time to stop, then each task ends what it is at; raises at once when the lock is lost."""
    doing = [asyncio.create_task(_keep_doing(worker, task)) for task in tasks]
    watching = asyncio.create_task(_watch(lock))
    stopping = asyncio.create_task(worker.stopping.wait())
    try:
        await asyncio.wait({watching, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if watching.done():
            await watching
        await asyncio.wait(doing, timeout=_LAST_WORDS_S)
    finally:
        everything = [*doing, watching, stopping]
        for each in everything:
            each.cancel()
        await asyncio.gather(*everything, return_exceptions=True)


async def _watch(lock: OwnConnection) -> None:
    """Raises when the session that holds the lock is gone, or silent."""
    while True:
        await asyncio.sleep(_WATCH_S)
        async with asyncio.timeout(_SILENT_S):
            await lock.execute("SELECT")


async def _keep_doing(worker: Worker, task: Task) -> None:
    failures = 0
    while not worker.stopping.is_set():
        pause_s = task.every_s
        try:
            async with asyncio.timeout(task.deadline_s):
                await task.work(worker)
            failures = 0
        except Exception as error:
            failures += 1
            pause_s = max(_backoff_s(failures), min(task.every_s, _BACKOFF_MAX_S))
            expected = isinstance(error, Retryable | TimeoutError)
            log.log(
                logging.WARNING if expected else logging.ERROR,
                "a task failed",
                task=task.name,
                reason=str(error) or type(error).__name__,
                failures=failures,
                exc_info=None if expected else error,
            )
        await _pause(worker, pause_s)


def _backoff_s(failures: int) -> float:
    return min(_BACKOFF_S * 2.0 ** min(failures, 16), _BACKOFF_MAX_S) * random.uniform(0.5, 1.0)  # noqa: S311


async def _pause(worker: Worker, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(worker.stopping.wait(), seconds)
