"""One chain played, indexed by whole programs and asked at six moments; then learnt once more without ABIs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection

from indexer.derive.derivation import queries
from tests.acceptance import bytecode, meaning_decoding, meaning_scenes, meaning_truth
from tests.acceptance.contracts import Chain
from tests.acceptance.indexing import Daemon, daemon, run_command, settings, wait_until
from tests.acceptance.meaning_cast import Cast, write_abis, write_pair_abi
from tests.acceptance.meaning_decoding import NO_ABIS, Shelf
from tests.acceptance.meaning_node import Key, Node, Row, octets
from tests.acceptance.meaning_scenes import LOST_BLOCKS
from tests.acceptance.meaning_stored import REST, Stored, asked_at, stored
from tests.anvil import Anvil

FETCHED = {
    "FETCHED__CALLS_PER_S": "0",
    "FETCHED__TRACES_PER_S": "0",
    "FETCHED__LOOK_EVERY_S": "0.05",
    "FETCHED__SUPPLY_REFRESH_S": "1",
    "FOLLOW__MAX_REORG_DEPTH": "8",
}


@dataclass(frozen=True)
class Moment:
    """The database and the node after one block, `followed` by the daemon or only filled."""

    name: str
    block: int
    cast: Cast
    stored: Stored
    followed: bool
    balances: dict[Key, int]
    owners: dict[int, bytes]
    tokens: dict[Key, tuple[int, int, int]]
    addresses: dict[bytes, Row]
    events: dict[Key, Row]
    unknown: Counter[bytes]
    calls: dict[Key, Row]
    implementations: dict[bytes, bytes]
    children: dict[bytes, int]
    metadata: dict[bytes, Row]
    native_balances: dict[bytes, int]
    codes: dict[bytes, Row]
    received: Counter[bytes]
    internal_transfers: dict[Key, Row]


@dataclass
class Story:
    """What happened, moment by moment; `late` are databases that learnt the ABIs after the fact."""

    moments: list[Moment] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    complete: tuple[dict[Key, Row], Counter[bytes], dict[Key, Row]] = ({}, Counter(), {})
    redecoded: dict[str, Stored] = field(default_factory=dict)
    without_abis: Moment | None = None

    @property
    def followed(self) -> list[Moment]:
        return [moment for moment in self.moments if moment.followed]

    def at(self, name: str) -> Moment:
        return next(moment for moment in self.moments if moment.name == name)


def told(chain: Chain, anvil: Anvil, first: str, late: str, folder: Path) -> Story:
    """Play, index and ask."""
    story, node = Story(), Node(chain)
    environment = settings(first, anvil, FETCHED__TRACES="debug", **FETCHED)
    founded = meaning_scenes.found(chain)
    founded_at = chain.head()
    traded = meaning_scenes.trade(chain, founded)
    traded_at = chain.head()
    files = write_abis(founded, folder)
    by = meaning_decoding.shelf(files)
    # Code is read by the daemon, and known to whatever is stored from then on.
    through_code = {octets(address): traded_at + 1 for address in (traded.clone, traded.behind)}
    by_known = replace(by, known_from=through_code)
    # What a clone did before is decoded by the daemon afterwards.
    by_followed = replace(by, known_from={octets(traded.behind): traded_at + 1})
    _run(story, environment, "abi", "add", *map(str, files))
    pair, announced_by = write_pair_abi(folder), f"{founded.factory.address}:PairCreated:pair"
    _run(story, environment, "abi", "add", str(pair), "--factory", announced_by)
    with psycopg.connect(first, autocommit=True) as connection:

        def ask(name: str, cast: Cast, *, followed: bool) -> None:
            head = _one(connection, "SELECT max(number) FROM chain.blocks")
            knows = by_followed if followed else by_known
            story.moments.append(_asked(connection, node, cast, knows, name, head, followed=followed))

        for name, cast, last in (("founded", founded, founded_at), ("traded", traded, traded_at)):
            blocks = ("--from-block", "0", "--to-block", str(last))
            _run(story, environment, "backfill", *blocks, "--workers", "1")
            ask(name, cast, followed=False)
        with daemon(environment, folder / "daemon.log") as running:
            _rest(connection, chain, running)
            followed = meaning_scenes.follow(chain, traded)
            _rest(connection, chain, running)
            ask("followed", followed, followed=True)
            lost = meaning_scenes.lose(chain, followed)
            _rest(connection, chain, running)
            ask("lost", lost, followed=True)
            chain.reorg(LOST_BLOCKS, meaning_scenes.branch(chain, followed))
            _rest(connection, chain, running)
            cast = meaning_scenes.replaced(chain, followed, lost)
            ask("replaced", cast, followed=True)
            cast = meaning_scenes.resume(chain, cast)
            _rest(connection, chain, running)
            ask("resumed", cast, followed=True)
            stopped = running.terminate()
            assert stopped.exit_code == 0, stopped.output
        assert _one(connection, "SELECT array_agg(depth) FROM chain.reorgs") == [LOST_BLOCKS]
        _run(story, environment, "verify", "--against-node", key="verify")
        _run(story, environment, "redecode")
        story.redecoded["from the start"] = stored(connection)
    story.complete = (
        *meaning_decoding.events(node, cast, by, chain.head()),
        meaning_decoding.calls(node, cast, by, chain.head()),
    )
    environment = settings(late, anvil, FETCHED__TRACES="trace_block", **FETCHED)
    _tell_late(story, node, cast, environment, late, files)
    return story


def _tell_late(
    story: Story, node: Node, cast: Cast, environment: dict[str, str], dsn: str, files: list[Path]
) -> None:
    """The same chain by a daemon that knows no ABI; they are added at its end."""
    chain, folder = node.chain, files[0].parent
    with psycopg.connect(dsn, autocommit=True) as connection:
        with daemon(environment, folder / "late.log") as running:
            _rest(connection, chain, running)
            story.without_abis = _asked(
                connection, node, cast, NO_ABIS, "without ABIs", chain.head(), followed=True
            )
            pair = write_pair_abi(folder, f"{cast.factory.address}:PairCreated:pair")
            _run(story, environment, "abi", "add", *map(str, [*files, pair]))
            _run(story, environment, "redecode")  # beside the daemon
            story.redecoded["afterwards"] = stored(connection)
            stopped = running.terminate()
            assert stopped.exit_code == 0, stopped.output
        _run(story, environment, "verify", key="verify late")


def _asked(
    connection: Connection[Any], node: Node, cast: Cast, by: Shelf, name: str, block: int, *, followed: bool
) -> Moment:
    events, unknown = meaning_decoding.events(node, cast, by, block)
    proxies = (cast.behind_token.address, cast.plain, cast.transparent, cast.uups)
    # The supply of a token is asked again every second.
    while True:
        asked, found = asked_at(connection), stored(connection)
        if asked == asked_at(connection):
            break
    for number, block_hash in set(asked.values()):
        assert bytes(node.chain.web3.eth.get_block(number)["hash"]) == block_hash
    held = meaning_truth.balances(node, cast, block)
    return Moment(
        name=name,
        block=block,
        cast=cast,
        stored=found,
        followed=followed,
        balances=held,
        owners=meaning_truth.owners(node, cast, block),
        tokens=meaning_truth.tokens(node, cast, held, block),
        addresses=meaning_truth.addresses(node, block),
        events=events,
        unknown=unknown,
        calls=meaning_decoding.calls(node, cast, by, block),
        implementations=meaning_truth.implementations(node, proxies, bytecode.IMPLEMENTATION_SLOT, block),
        children=meaning_decoding.children(node, cast, block) if by.of_pairs else {},
        metadata=meaning_truth.metadata(cast, {token: number for token, (number, _) in asked.items()})
        if followed
        else {},
        native_balances=meaning_truth.native_balances(node, found.native_balances, block),
        codes=meaning_truth.codes(node, found.codes, block),
        received=meaning_truth.received(node, block),
        internal_transfers=meaning_truth.internal_transfers(node, block) if followed else {},
    )


def _run(story: Story, environment: dict[str, str], *arguments: str, key: str = "") -> None:
    finished = run_command(environment, *arguments)
    story.outputs[key or " ".join(arguments)] = finished.output
    assert finished.exit_code == 0 or key, finished.output


def _rest(connection: Connection[Any], chain: Chain, running: Daemon) -> None:
    """Until all is stored, derived and fetched up to the head, clones also below where they became known."""
    head: bytes = bytes(chain.web3.eth.get_block("latest")["hash"])
    unread = queries.select_unread_clones.sql.replace("$1", "1").encode()

    def rests() -> bool:
        is_there = connection.execute(REST, (head,)).fetchone() == (True,)
        return is_there and connection.execute(unread).fetchone() is None

    wait_until(rests, f"rest at block {chain.head()}", running)


def _one(connection: Connection[Any], query: str) -> Any:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]
