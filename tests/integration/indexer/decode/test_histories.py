"""Whatever happened (ranges, reorgs, ABIs that came and went, redecodes): derived equals recomputed (invariant 7)."""

from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.decode.candidates import Candidate
from indexer.decode.errors import AbiNotFound, NothingToRedecode
from indexer.decode.redecode import redecode
from indexer.decode.redecode_job import Request
from indexer.decode.registration import add, remove
from postgres.pool import DatabaseSettings
from tests.database import DatabaseServer, fresh_database
from tests.integration.indexer.decode.facts import (
    Blocks,
    Chain,
    Log,
    Transaction,
    abi_of,
    address,
    candidate,
    chain,
    event,
    log,
)

ONE, TWO = event("One(uint256 n)"), event("Two(uint256 n)")
UPGRADED = event("Upgraded(address indexed implementation)")
BEACON_UPGRADED = event("BeaconUpgraded(address indexed beacon)")
CREATED = event("Created(address child)")
CONTRACTS = tuple(address(0xD0 + place) for place in range(5))
PROXY, OTHER, FIRST, SECOND, FACTORY = CONTRACTS
GO = {"type": "function", "name": "go", "inputs": [], "outputs": []}

_fresh = contextmanager(fresh_database)


def hexed(contract: bytes) -> str:
    return "0x" + contract.hex()


contracts = st.sampled_from(CONTRACTS)
logs = st.one_of(
    st.builds(log, contracts, st.sampled_from([ONE, TWO]), st.integers(0, 9)),
    st.builds(lambda target: log(PROXY, UPGRADED, hexed(target)), st.sampled_from([FIRST, SECOND])),
    st.builds(lambda target: log(OTHER, UPGRADED, hexed(target)), st.sampled_from([FIRST, SECOND])),
    st.just(log(PROXY, BEACON_UPGRADED, hexed(OTHER))),
    st.builds(lambda child: log(FACTORY, CREATED, hexed(child)), contracts),
    st.builds(lambda contract: Log(contract, [ONE.topic0], b"\1"), contracts),
)
transactions = st.builds(
    lambda to, held, data: Transaction(to, data, held),
    contracts,
    st.lists(logs, max_size=3),
    st.sampled_from([b"", bytes.fromhex("0f59f83a")]),
)
blocks = st.lists(st.lists(transactions, max_size=2), min_size=1, max_size=3)
names = st.sampled_from(["first", "second", "everywhere", "later", "children"])
requests = st.builds(
    Request,
    addresses=st.none() | st.tuples(contracts),
    abi=st.none() | names,
    first=st.none() | st.integers(0, 6),
    last=st.none() | st.integers(0, 12),
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), blocks),
        st.tuples(st.just("put"), blocks),
        st.tuples(st.just("derive"), st.integers(1, 10)),
        st.tuples(st.just("add"), names),
        st.tuples(st.just("remove"), names),
        st.tuples(st.just("revert"), st.integers(1, 4)),
        st.tuples(st.just("redecode"), requests),
    ),
    min_size=3,
    max_size=14,
)


def candidates(folder: Path) -> dict[str, Candidate]:
    return {
        "first": candidate(folder, "first", abi_of(ONE, GO), address=hexed(FIRST)),
        "second": candidate(folder, "second", abi_of(TWO), address=hexed(SECOND)),
        "everywhere": candidate(folder, "everywhere", abi_of(ONE)),
        "later": candidate(folder, "later", abi_of(TWO), from_block=3),
        "children": candidate(
            folder, "children", abi_of(TWO, CREATED), factory=f"{hexed(FACTORY)}:Created:child"
        ),
    }


async def live(made: Chain, dsn: str, told: list[tuple[str, object]], known: dict[str, Candidate]) -> None:
    for what, value in told:
        match what, value:
            case "put", list():
                head = max(made.stored, default=-1)
                await made.store({head + 1 + place: block for place, block in enumerate(value)})
            case "derive", int():
                await made.derive(rows=value)
            case "add", str():
                await add(made.connection, [known[value]], "command")
            case "remove", str():
                try:
                    await remove(made.connection, value)
                except AbiNotFound:
                    continue
            case "revert", int() if len(made.stored) > value:
                await made.revert(max(made.stored) - value)
            case "redecode", Request():
                try:
                    await redecode(DatabaseSettings(dsn), value, rows_per_commit=5, reorg_blocks=2)
                except (NothingToRedecode, AbiNotFound):
                    continue
    if made.stored:
        await made.derive()


@settings(max_examples=9, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=steps, rows=st.integers(1, 30))
async def test_rows_after_any_history_are_those_of_a_recomputation(
    embedded_home: DatabaseServer, told: list[tuple[str, object]], rows: int
) -> None:
    with TemporaryDirectory() as folder, _fresh(embedded_home) as dsn:
        async with chain(dsn) as made:
            await live(made, dsn, told, candidates(Path(folder)))
            assert await made.differences(rows) == []


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=steps, known=st.sets(names))
async def test_redecode_gives_the_rows_that_deriving_with_its_abis_gives(
    embedded_home: DatabaseServer, told: list[tuple[str, object]], known: set[str]
) -> None:
    with TemporaryDirectory() as folder, _fresh(embedded_home) as dsn, _fresh(embedded_home) as other:
        given = candidates(Path(folder))
        async with chain(dsn) as made, chain(other) as once:
            await live(made, dsn, told, given)
            for name in set(given) - known:
                await live(made, dsn, [("remove", name)], given)
            # In one order: of two that read a log the newest counts.
            for name in sorted(known):
                await live(made, dsn, [("remove", name), ("add", name)], given)
                await live(once, other, [("add", name)], given)
            stored: Blocks = dict(made.stored)
            if not stored:
                return
            await redecode(DatabaseSettings(dsn), Request())
            await once.put(stored)
            held, expected = await made.rows(), await once.rows()
            # Children are kept under every ABI that ever named them.
            del held["factory_children"], expected["factory_children"]
            assert held == expected
