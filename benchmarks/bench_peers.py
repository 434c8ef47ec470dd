"""Backfill beside cryo, ponder and a loop of web3.py, each on the same replayed chain."""

from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import psycopg

from benchmarks import chain, peers
from benchmarks.databases import PLAIN, Server, running
from benchmarks.indexing import backfill
from benchmarks.peers import PeerUnavailable, Stored
from benchmarks.replay import Replay, running_replay
from benchmarks.report import Figures, Report, note, options

PONDER_BLOCKS, QUICK_PONDER_BLOCKS = 2_000, 300
WEB3_BLOCKS, QUICK_WEB3_BLOCKS = 500, 100
_TRANSFERS = """
    SELECT count(*) FROM chain.logs
    WHERE topic0 = '\\xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'
      AND topic2 IS NOT NULL AND topic3 IS NULL AND block_number < %s
"""
_COUNTED = """
    SELECT (SELECT count(*) FROM chain.blocks), (SELECT count(*) FROM chain.transactions),
           (SELECT count(*) FROM chain.logs)
"""


@dataclass(frozen=True, slots=True)
class _Peer:
    """A run of a peer, which of our runs it is held against, and what both leave behind."""

    name: str
    target: float
    ours: str
    keeps: str
    run: Callable[[], Stored]


def main() -> None:
    given = options(__doc__ or "")
    blocks = chain.QUICK_BLOCKS if given.quick else chain.MEASURED_BLOCKS
    rates: dict[str, list[float]] = defaultdict(list)
    with ExitStack() as stack:
        path = chain.recording()
        replay = stack.enter_context(running_replay(path, blocks))
        server = stack.enter_context(running(PLAIN))
        report = Report("peers", "Beside other indexers", {server.home: server.version})
        sides, missing = _peers(replay, server, blocks, quick=given.quick)
        expected = _ours(server, replay, blocks, 1, rates)  # these two warm up
        for peer in sides:
            _check(peer, peer.run(), expected)
        rates.clear()
        for round_ in range(given.rounds):
            for workers in (1, 2):
                _ours(server, replay, blocks, workers, rates)
            for peer in sides if round_ % 2 == 0 else sides[::-1]:
                done = peer.run()
                _check(peer, done, expected)
                rates[peer.name].append(done.blocks_per_s)
                note(f"round {round_ + 1}, {peer.name}: {done.blocks_per_s:,.0f} blocks/s")
    _write(report, rates, sides, missing, blocks)
    report.finish(given)


def _peers(replay: Replay, server: Server, blocks: int, *, quick: bool) -> tuple[list[_Peer], list[str]]:
    """Those that can be had here, and why the others cannot."""
    found: list[_Peer] = []
    missing: list[str] = []
    ponder_blocks = QUICK_PONDER_BLOCKS if quick else PONDER_BLOCKS
    web3_blocks = QUICK_WEB3_BLOCKS if quick else WEB3_BLOCKS
    try:
        python = peers.cryo()
        found.append(
            _Peer(
                f"cryo {peers.CRYO_VERSION}",
                0.7,
                "ours 2",
                "Parquet, no database, no index; 8 columns of a block, 21 of a transaction",
                lambda: peers.run_cryo(python, replay, blocks),
            )
        )
    except PeerUnavailable as error:
        missing.append(f"cryo: {error}")
    try:
        folder = peers.ponder()
        node = replay

        def run_ponder() -> Stored:
            with server.fresh("ponder") as dsn:
                return peers.run_ponder(folder, node, dsn, ponder_blocks)

        found.append(
            _Peer(
                f"ponder {peers.PONDER_VERSION}",
                6,
                "ours 1",
                "PostgreSQL: ERC-20 transfers, and a cache of the blocks, transactions and logs of these",
                run_ponder,
            )
        )
    except PeerUnavailable as error:
        missing.append(f"ponder: {error}")
    found += [_web3(replay, web3_blocks, count) for count in (1, 8)]
    for reason in missing:
        note(f"SKIPPED {reason}")
    return found, missing


def _web3(replay: Replay, blocks: int, concurrency: int) -> _Peer:
    return _Peer(
        f"web3.py, {concurrency} at a time",
        20,
        "ours 1",
        "nothing: blocks and receipts are fetched and thrown away",
        lambda: peers.run_web3(replay, blocks, concurrency),
    )


def _ours(
    server: Server, replay: Replay, blocks: int, workers: int, rates: dict[str, list[float]]
) -> dict[str, int]:
    """One run; how many rows there are of what peers store as well."""
    with server.fresh() as dsn:
        done = backfill(dsn, replay, blocks, workers=workers)
        rates[f"ours {workers}"].append(done.blocks_per_s)
        note(f"ours, {workers} worker(s): {done.blocks_per_s:,.0f} blocks/s")
        with psycopg.connect(dsn) as connection:
            counted = connection.execute(_COUNTED).fetchone()
            transfers = {
                str(limit): connection.execute(_TRANSFERS, (limit,)).fetchone()
                for limit in (PONDER_BLOCKS, QUICK_PONDER_BLOCKS)
            }
    assert counted is not None
    expected = dict(zip(("blocks", "transactions", "logs"), counted, strict=True))
    return expected | {f"transfers below {limit}": row[0] if row else 0 for limit, row in transfers.items()}


def _check(peer: _Peer, done: Stored, expected: dict[str, int]) -> None:
    """A peer that stored less than it says would be compared with nothing."""
    for name, count in done.rows.items():
        due = expected[f"transfers below {done.blocks}" if name == "transfers" else name]
        if count != due:
            raise RuntimeError(f"{peer.name} stored {count:,} {name} of {due:,}")


def _write(
    report: Report, rates: dict[str, list[float]], sides: list[_Peer], missing: list[str], blocks: int
) -> None:
    report.say(
        f"The same replayed chain of {blocks:,} blocks of 20 transactions and 28 logs, one "
        "machine, in turns.\n"
        "Ours: `pend-index backfill` as shipped into an empty plain database, every column, every index,\n"
        "light checks; from the first block asked for to the last commit. cryo: `cryo.freeze` "
        "of blocks, txs and\n"
        "logs with its own settings, without its start; it uses both cores and so is held "
        "against two workers.\n"
        f"ponder: the first {PONDER_BLOCKS:,} blocks, cold, with its limiter of 20 to 500 requests a second\n"
        f"lifted to {peers.LIMIT_LIFTED_TO:,}, viem {peers.VIEM_VERSION}, from the first block "
        "asked for to its\n"
        "“completed”. "
        f"web3.py: `get_block(n, True)` and `get_block_receipts(n)` over the first {WEB3_BLOCKS} blocks.\n"
        "What each wrote is counted after every run."
    )
    rows = []
    for peer in sides:
        theirs, ours = Figures(tuple(rates[peer.name])), Figures(tuple(rates[peer.ours]))
        ratios = Figures(tuple(a / b for a, b in zip(ours.values, theirs.values, strict=True)))
        workers = peer.ours.partition(" ")[2]
        digits = 2 if peer.target < 1 else 1
        shown = f"**{ratios.show(digits)}**"
        rows.append([peer.name, theirs.show(), workers, ours.show(), shown, f"≥ {peer.target}", peer.keeps])
    report.table(
        ["peer", "its blocks/s", "our workers", "our blocks/s", "ratio", "target", "what it stores"], rows
    )
    cryos = [each for each in sides if each.name.startswith("cryo")]
    for peer in cryos:
        one = zip(rates["ours 1"], rates[peer.name], strict=True)
        ratio = Figures(tuple(a / b for a, b in one))
        report.say(f"With one worker against {peer.name}, which uses both cores: {ratio.show(2)}.")
        report.data["cryo_one_worker"] = ratio
    for reason in missing:
        report.say(f"**Not measured**: {reason}")
    report.data |= {"blocks_per_s": dict(rates), "missing": missing}


if __name__ == "__main__":
    main()
