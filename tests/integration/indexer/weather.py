"""A database server of one test alone, which may be restarted, crashed or replaced, and what /metrics says."""

import asyncio
import os
import signal
import subprocess
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

import asyncpg
from prometheus_client.parser import text_string_to_metric_families

from devnet.faults import Exchange, NoFaults
from postgres import children
from postgres.embedded import FAST_AND_LOSABLE, EmbeddedPostgres, binaries
from postgres.migrations import migrate
from tests.broken_wire import Wire
from tests.processes import Running, eventually

DATABASE = "pend"
# What is committed survives the server, as in production; not the machine.
DURABLE = {**FAST_AND_LOSABLE, "synchronous_commit": "on"}


@dataclass(slots=True)
class OwnDatabase:
    """`dsn` stays the same whatever happens to the server behind it; `direct` is the server as it is now."""

    server: EmbeddedPostgres
    wire: Wire

    @property
    def dsn(self) -> str:
        return self.server.dsn(DATABASE).replace(f":{self.server.port}/", f":{self.wire.port}/")

    @property
    def direct(self) -> str:
        return self.server.dsn(DATABASE)

    async def restart(self) -> None:
        """A fast shutdown, whose farewells reach the clients, and a start."""
        self.server.stop()
        await self.wire.cut()
        self.server.start()
        await self.lead_to(self.server)

    async def crash(self) -> None:
        """One backend dies as by the out-of-memory killer: the server ends all others and recovers."""
        connection = await asyncpg.connect(self.direct)
        pid = connection.get_server_pid()
        os.kill(pid, signal.SIGKILL)
        await eventually(lambda: _is_over(connection), "the connection is gone")
        await eventually(lambda: _answers(self.direct), "the server has recovered")

    async def lead_to(self, server: EmbeddedPostgres) -> None:
        """Who connects from now on meets `server`."""
        await self.wire.cut()
        port, self.server = self.wire.port, server
        self.wire = Wire(server.port)
        self.wire.port = port
        await self.wire.mend()


@asynccontextmanager
async def own_database(
    folder: Path, settings: Mapping[str, str] = MappingProxyType({})
) -> AsyncIterator[OwnDatabase]:
    with EmbeddedPostgres(folder / "primary", settings={**DURABLE, **settings}) as server:
        migrate(server.create_database(DATABASE))
        own = OwnDatabase(server, Wire(server.port))
        await own.wire.mend()
        try:
            yield own
        finally:
            await own.wire.cut()


def base_backup(server: EmbeddedPostgres, folder: Path) -> EmbeddedPostgres:
    """A streaming standby of `server`, not yet started; the caller starts and stops it."""
    account = children.server_user()
    folder.mkdir(mode=0o700)
    children.give_to(folder, account)
    command = (
        str(binaries() / "pg_basebackup"),
        *("--pgdata", str(folder), "--dbname", server.dsn(), "--write-recovery-conf"),
        *("--wal-method=stream", "--checkpoint=fast", "--no-sync"),
    )
    log = folder.with_name("pg_basebackup.log")
    process = children.spawn(command, log=log, user=account)
    assert process.wait(60) == 0, log.read_text()
    return EmbeddedPostgres(folder, settings=DURABLE)


@asynccontextmanager
async def tiny_disk(folder: Path, size_mib: int) -> AsyncIterator[Path]:
    """A file system of its own that is soon full. Raises `PermissionError` where nothing may be mounted."""
    folder.mkdir(mode=0o700)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode != 0:
        raise PermissionError(mounted.stderr.strip())
    try:
        folder.chmod(0o700)
        children.give_to(folder, children.server_user())
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


async def samples(running: Running, name: str) -> dict[tuple[str, ...], float]:
    """The samples of `pend_indexer_<name>` by the values of their labels."""
    url = (await running.says(r"metrics on (http://\S+)"))[1]
    text = await asyncio.to_thread(_get, url)
    return {
        tuple(sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == f"pend_indexer_{name}"
    }


async def counts(running: Running, name: str, *labels: str, at_least: float = 1) -> None:
    """Wait until the counter `pend_indexer_<name>` has come so far."""

    async def counted() -> bool:
        return (await samples(running, name)).get(labels, 0.0) >= at_least

    await running.until(counted, f"{name}{labels} is at least {at_least:g}")


async def shows(running: Running, **values: float) -> None:
    """Wait until /metrics shows these values; `redis_up=0` is pend_indexer_redis_up."""

    async def shown() -> bool:
        seen = await running.metrics()
        return all(seen[f"pend_indexer_{name}"] == wanted for name, wanted in values.items())

    await running.until(shown, f"metrics show {values}")


@dataclass
class Hanging(NoFaults):
    """Takes requests for these methods and never answers, until `let_go` is set."""

    methods: frozenset[str]
    met: asyncio.Event = field(default_factory=asyncio.Event)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)

    async def before(self, exchange: Exchange) -> None:
        if any(call.method in self.methods for call in exchange.calls):
            self.met.set()
            await self.let_go.wait()


async def _is_over(connection: asyncpg.Connection) -> bool:
    try:
        await connection.fetchval("SELECT 1")
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        return True
    return False


async def _answers(dsn: str) -> bool:
    try:
        connection = await asyncpg.connect(dsn)
    except (asyncpg.PostgresError, OSError):
        return False
    await connection.close()
    return True


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        text: str = answer.read().decode()
        return text
