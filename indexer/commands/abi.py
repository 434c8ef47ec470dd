"""`pend-index abi`: by which ABIs events and calls are read."""

import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click

from evm.primitives import to_hex
from indexer.commands.context import run
from indexer.decode import registration
from indexer.decode.abis import NamedAbi, built_in
from indexer.decode.candidates import Candidate, read_candidate
from indexer.decode.registration import Added, Registered
from indexer.settings import IndexerSettings
from indexer.writer import queries
from postgres.connections import OwnConnection
from postgres.errors import translated
from postgres.migrations import require_current
from postgres.pool import connect
from service.commands.invocation import Invocation, pass_invocation

_BLOCK = click.IntRange(min=0, max=2**63 - 1)


@click.group("abi")
def abi() -> None:
    """Say by which ABIs events and calls are read, and which ABI is missing."""


@abi.command("add")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option("--address", help="Only for this contract, and for proxies that point to it.")
@click.option("--from-block", type=_BLOCK, help="Lower blocks are never read by it.  [default: 0]")
@click.option(
    "--factory",
    metavar="ADDRESS:EVENT:ARGUMENT",
    help="Only for the contracts that this event of this factory names, each from the block that made it.",
)
@click.option("--name", help="Under which its events are stored; the file's name when left out.")
@pass_invocation
def add(
    invocation: Invocation[IndexerSettings],
    files: tuple[Path, ...],
    address: str | None,
    from_block: int | None,
    factory: str | None,
    name: str | None,
) -> None:
    """Read events and calls by the ABIs in FILEs from the next block on.

    A file is a JSON array of ABI entries, or a compiler's artifact with one under `abi`; `address`,
    `fromBlock` and `factory` may stand beside it. An ABI with the name of another for the same contracts
    replaces it. The daemon need not be started again.
    """
    if name is not None and len(files) > 1:
        raise click.UsageError(f"--name is for one file, {len(files)} were given")
    if address is not None and factory is not None:
        raise click.UsageError("--address and --factory exclude one another; keep one")
    candidates = [
        read_candidate(file, name=name, address=address, factory=factory, from_block=from_block)
        for file in files
    ]
    _refuse_twins(candidates, files)
    for added in run(_add(invocation.settings(), candidates)):
        click.echo(added_text(added))


@abi.command("list")
@pass_invocation
def list_abis(invocation: Invocation[IndexerSettings]) -> None:
    """List the ABIs in force: id, name, for whom, from which block, what each declares, and who added it."""
    rows: list[tuple[str, ...]] = [("id", "name", "for", "from block", "declares", "source")]
    rows += [_row(each.abi, each.source) for each in run(_list(invocation.settings()))]
    rows += [_row(each, "built-in") for each in built_in()]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        click.echo("  ".join(part.ljust(width) for part, width in zip(row, widths, strict=True)).rstrip())


@abi.command("remove")
@click.argument("name", metavar="NAME|ID")
@pass_invocation
def remove(invocation: Invocation[IndexerSettings], name: str) -> None:
    """Read nothing by this ABI from the next block on. What it has read stays until a redecode."""
    removed = run(_remove(invocation.settings(), name))
    click.echo(
        f"removed {removed.abi.name} (id {removed.abi.id}). What it has read stays; to read it without: "
        f"pend-index redecode --abi {removed.abi.id}"
    )


@abi.command("unknown")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Topics at most."
)
@pass_invocation
def unknown(invocation: Invocation[IndexerSettings], limit: int) -> None:
    """List the first topics of events that no ABI knows, those of the most logs first."""
    found = run(_unknown(invocation.settings(), limit))
    for topic0, count in found:
        click.echo(f"{to_hex(topic0) if topic0 else 'without topics':<66}  {count:>15,}")
    if not found:
        click.echo("every decoded block's events are known")


def added_text(added: Added) -> str:
    """What was done, from which block on it counts, and the command that reads the blocks below."""
    text = (
        f"{added.change} {added.abi.name} (id {added.abi.id}, {_declared(added.abi)}) for {_for(added.abi)}"
    )
    if added.change == "unchanged":
        return f"{text}: it is in force as it is"
    text += f"; in force from block {added.in_force_from} on"
    if added.older is None:
        return text
    first, last = added.older
    command = shlex.join(["pend-index", "redecode", "--abi", str(added.abi.id), "--from-block", str(first)])
    return f"{text}. To read blocks {first} to {last} by it too: {command}"


def _refuse_twins(candidates: list[Candidate], files: tuple[Path, ...]) -> None:
    seen: dict[tuple[object, ...], Path] = {}
    for candidate, file in zip(candidates, files, strict=True):
        factory = candidate.announcement.address if candidate.announcement else None
        other = seen.setdefault((candidate.name, candidate.address, factory), file)
        if other is not file:
            raise click.UsageError(f"{other} and {file} would both be the ABI {candidate.name}; add one")


def _row(named: NamedAbi, source: str) -> tuple[str, ...]:
    where = str(named.id) if named.id else "-"
    return where, named.name, _for(named), str(named.from_block), _declared(named), source


def _for(named: NamedAbi) -> str:
    if named.address is not None:
        return to_hex(named.address)
    if named.factory is not None:
        factory = named.factory
        return f"children of {to_hex(factory.address)} by {factory.event.name}.{factory.argument}"
    return "every contract"


def _declared(named: NamedAbi) -> str:
    counts = (
        (len(named.abi.events), "events"),
        (len(named.abi.functions), "functions"),
        (len(named.abi.errors), "errors"),
    )
    return ", ".join(f"{count} {what}" for count, what in counts)


@asynccontextmanager
async def _connection(settings: IndexerSettings) -> AsyncIterator[OwnConnection]:
    connection = await connect(settings.database_settings("pend-index abi"))
    try:
        await require_current(connection)
        yield connection
    finally:
        connection.terminate()


async def _add(settings: IndexerSettings, candidates: list[Candidate]) -> list[Added]:
    async with _connection(settings) as connection:
        return await registration.add(connection, candidates, "command")


async def _list(settings: IndexerSettings) -> list[Registered]:
    async with _connection(settings) as connection:
        return await registration.registered(connection)


async def _remove(settings: IndexerSettings, name: str) -> Registered:
    async with _connection(settings) as connection:
        return await registration.remove(connection, name)


async def _unknown(settings: IndexerSettings, limit: int) -> list[tuple[bytes, int]]:
    async with _connection(settings) as connection:
        with translated():
            rows = await queries.select_unknown_topics.many(connection, limit)
            return [(row["topic0"], row["log_count"]) for row in rows]
