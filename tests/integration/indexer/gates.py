"""Transactions that halt at every point that matters until the test lets them go on, in the order it chooses.

Triggers take advisory locks that the test holds: the code under test runs as it is, in any process.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg

from postgres.connections import OwnConnection
from tests.processes import WITHIN_S

POINTS = ("copy", "claim", "commit")
"""Before the first row, before the sequence is claimed, before the commit. Who has claimed it is alone until then."""

_INSTALL = """
ALTER DATABASE {database} SET deadlock_timeout = '20ms';
CREATE SCHEMA gates;
CREATE TABLE gates.sessions (name text PRIMARY KEY, key integer NOT NULL);

CREATE FUNCTION gates.halt() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    own integer := (SELECT key FROM gates.sessions WHERE name = current_setting('application_name'));
BEGIN
    IF own IS NOT NULL THEN
        PERFORM pg_advisory_lock_shared(own, TG_ARGV[0]::integer);
        PERFORM pg_advisory_unlock_shared(own, TG_ARGV[0]::integer);
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER gate BEFORE INSERT ON chain.blocks FOR EACH STATEMENT EXECUTE FUNCTION gates.halt(0);
CREATE TRIGGER gate BEFORE UPDATE ON chain.chain_state FOR EACH STATEMENT EXECUTE FUNCTION gates.halt(1);
-- After every_commit_holds, which comes before it in the alphabet.
CREATE CONSTRAINT TRIGGER gate AFTER INSERT ON chain.outbox DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN (NEW.kind = 'blocks') EXECUTE FUNCTION gates.halt(2);
"""

_WAITING = """
SELECT a.application_name AS name, l.locktype = 'advisory' AND l.objsubid = 2 AS halted, l.objid::integer AS point
FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid
WHERE NOT l.granted AND a.datname = current_database() AND a.pid <> pg_backend_pid()
"""

Choose = Callable[[Sequence[str]], str]


@dataclass(slots=True)
class Gates:
    """Closed for the sessions of these application names; everybody else passes."""

    dsn: str
    connection: OwnConnection
    names: tuple[str, ...]

    async def close(self) -> None:
        for key in range(len(self.names)):
            for point in range(len(POINTS)):
                await self.connection.execute("SELECT pg_advisory_lock($1, $2)", key, point)

    async def open(self) -> None:
        await self.connection.execute("SELECT pg_advisory_unlock_all()")

    async def let_pass(self, name: str, point: str) -> None:
        """Who halts there goes on; the gate is closed behind it."""
        key, number = self.names.index(name), POINTS.index(point)
        await self.connection.execute("SELECT pg_advisory_unlock($1, $2)", key, number)
        await self.connection.execute("SELECT pg_advisory_lock($1, $2)", key, number)

    async def waiting(self) -> tuple[list[tuple[str, str]], set[str]]:
        """Who halts at which gate, and who waits for anything at all."""
        rows = await self.connection.fetch(_WAITING)
        halted = sorted((row["name"], POINTS[row["point"]]) for row in rows if row["halted"])
        return halted, {row["name"] for row in rows}


@asynccontextmanager
async def gates(dsn: str, *names: str) -> AsyncIterator[Gates]:
    """Gates on `dsn`, open to begin with. Installed once per database."""
    connection = await asyncpg.connect(dsn)
    try:
        database = await connection.fetchval("SELECT quote_ident(current_database())")
        await connection.execute(_INSTALL.format(database=database))
        await connection.executemany(
            "INSERT INTO gates.sessions VALUES ($1, $2)", [(name, key) for key, name in enumerate(names)]
        )
        yield Gates(dsn, connection, names)
    finally:
        await connection.close()


@dataclass(slots=True)
class Order:
    """One run: the choices it must begin with, and those it took."""

    prefix: tuple[str, ...]
    untried: list[tuple[str, ...]]
    taken: list[str] = field(default_factory=list)

    def choose(self, choices: Sequence[str]) -> str:
        at = len(self.taken)
        chosen = choices[0]
        if at >= len(self.prefix):
            self.untried.extend((*self.taken, other) for other in choices[1:])
        elif self.prefix[at] in choices:  # else a deadlock has found another victim this time
            chosen = self.prefix[at]
        self.taken.append(chosen)
        return chosen


def orders(at_most: int, rng: random.Random) -> Iterator[Order]:
    """Orders that differ, chosen by `rng`; all that there are when `at_most` is 0."""
    untried: list[tuple[str, ...]] = [()]
    run = 0
    while untried and (not at_most or run < at_most):
        run += 1
        yield Order(untried.pop(rng.randrange(len(untried))), untried)


Event = Callable[[], "Iterable[asyncio.Task[None]]"]
"""Something that happens once, at a moment of the schedule; tasks that it begins take part by their names."""


async def run_through(
    closed: Gates,
    tasks: Sequence["asyncio.Task[None]"],
    events: Mapping[str, Event],
    choose: Choose,
    look: Callable[[], Awaitable[None]],
) -> None:
    """Let one go on at a time until all are done; `look` is awaited whenever all stand still.

    A task's name is the application name of its sessions.
    """
    running, coming = list(tasks), dict(events)
    try:
        async with asyncio.timeout(2 * WITHIN_S):
            while True:
                halted = await _standstill(closed, running)
                await look()
                choices = [f"{name}: {point}" for name, point in halted] + list(coming)
                if not choices:
                    if all(task.done() for task in running):
                        return
                    continue
                chosen = choose(choices)
                if chosen in coming:
                    running += coming.pop(chosen)()
                else:
                    name, _, point = chosen.partition(": ")
                    await closed.let_pass(name, point)
    finally:
        await closed.open()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _standstill(closed: Gates, running: Sequence["asyncio.Task[None]"]) -> list[tuple[str, str]]:
    """Wait until each task is done or waits in the database; who halts at a gate."""
    while True:
        for task in running:
            if task.done():
                task.result()
        halted, waiting = await closed.waiting()
        if {task.get_name() for task in running if not task.done()} <= waiting:
            return halted
