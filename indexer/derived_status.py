"""How far deriving is, what it waits for, and which events no ABI knows: a part of `pend-index status`."""

from collections.abc import Sequence
from dataclasses import dataclass

from evm.primitives import to_hex
from indexer.coverage import Covered
from indexer.derive import deriver
from indexer.derive.deriver import Position
from indexer.writer import queries
from postgres.connections import Connection
from postgres.errors import translated

_TOPICS_MAX = 5


@dataclass(frozen=True, slots=True)
class WaitsFor:
    """A block that is not stored, although higher ones are: nothing is derived from it on."""

    block: int
    quarantined: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class UnknownTopic:
    """`topic0` is 0x… and empty for logs without topics."""

    topic0: str
    log_count: int


@dataclass(frozen=True, slots=True)
class DerivedStatus:
    """`behind_blocks` counts from the derivation that is furthest behind to the highest stored block.

    `unknown_topics` are those of most logs; `unknown_topic_count` and `unknown_logs` count all.
    """

    derivations: tuple[Position, ...]
    behind_blocks: int
    waits_for: WaitsFor | None
    unknown_topics: tuple[UnknownTopic, ...]
    unknown_topic_count: int
    unknown_logs: int


async def select_derived_status(connection: Connection, covered: Sequence[Covered]) -> DerivedStatus:
    """As the database is now; `covered` is what is stored, lowest first."""
    with translated():
        derivations = tuple(await deriver.positions(connection))
        waits_for = await _waits_for(connection, missing_block(derivations, covered))
        unknown = await queries.select_unknown_topics.many(connection, _TOPICS_MAX)
    return DerivedStatus(
        derivations,
        behind_blocks(derivations, covered),
        waits_for,
        tuple(UnknownTopic(to_hex(row["topic0"]), row["log_count"]) for row in unknown),
        unknown[0]["topics"] if unknown else 0,
        unknown[0]["logs"] if unknown else 0,
    )


async def _waits_for(connection: Connection, missing: int | None) -> WaitsFor | None:
    if missing is None:
        return None
    row = await queries.select_quarantined_block.one(connection, missing)
    return WaitsFor(missing, None, None) if row is None else WaitsFor(missing, row["kind"], row["reason"])


def missing_block(derivations: Sequence[Position], covered: Sequence[Covered]) -> int | None:
    """The block that deriving waits for: the lowest hole above what is derived and below what is stored."""
    if not derivations or not covered:
        return None
    wanted = min(each.derived_to for each in derivations) + 1
    for stored in covered:
        if stored.first <= wanted <= stored.last:
            wanted = stored.last + 1
    return wanted if wanted <= covered[-1].last else None


def behind_blocks(derivations: Sequence[Position], covered: Sequence[Covered]) -> int:
    if not derivations or not covered:
        return 0
    return max(0, covered[-1].last - min(each.derived_to for each in derivations))


def as_lines(status: DerivedStatus) -> list[str]:
    """For people: derivations that are equally far share a range."""
    behind = f", {status.behind_blocks} blocks behind what is stored" if status.behind_blocks else ""
    lines = [f"derived      {_ranges(status.derivations)}{behind}"]
    if (waits := status.waits_for) is not None:
        why = (
            "not stored" if waits.quarantined is None else f"quarantined: {waits.quarantined}: {waits.reason}"
        )
        lines.append(f"  waits for block {waits.block}, which is {why}")
    if status.unknown_topic_count:
        topics, logs = status.unknown_topic_count, status.unknown_logs
        lines.append(f"unknown      {logs} logs of {topics} event topics that no ABI knows")
        lines += [f"  {topic.topic0}: {topic.log_count} logs" for topic in _named(status.unknown_topics)]
        if topics > len(status.unknown_topics):
            lines.append(f"  and {topics - len(status.unknown_topics)} more topics")
    return lines


def _ranges(derivations: Sequence[Position]) -> str:
    groups: dict[tuple[int, int], list[str]] = {}
    for each in derivations:
        groups.setdefault((each.first_block, each.derived_to), []).append(each.derivation)
    if len(groups) <= 1:
        return next((_range(*group) for group in groups), "none")
    return ", ".join(f"{_range(*group)} ({', '.join(names)})" for group, names in sorted(groups.items()))


def _range(first: int, last: int) -> str:
    return f"{first}…{last}" if last >= first else f"nothing yet, from block {first} on"


def _named(topics: Sequence[UnknownTopic]) -> list[UnknownTopic]:
    return [UnknownTopic("no topic", each.log_count) if each.topic0 == "0x" else each for each in topics]
