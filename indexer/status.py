"""What is stored and how far the node is: one frozen report, shown as text or JSON."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from indexer.coverage import Covered, gaps
from indexer.derived_status import DerivedStatus, as_lines, select_derived_status
from indexer.network import Network, select_network
from indexer.writer import queries
from postgres.connections import Connection
from postgres.errors import translated


@dataclass(frozen=True, slots=True)
class Status:
    """Block numbers are None where nothing is stored, or where the node did not answer."""

    chain_id: int | None
    genesis_hash: str | None
    consensus: str | None
    head: int | None
    node_error: str | None
    indexed_to: int | None
    lag_blocks: int | None
    lag_seconds: float | None
    finalized: int | None
    coverage: tuple[tuple[int, int], ...]
    gaps: tuple[tuple[int, int], ...]
    gap_blocks: int
    blocks_per_second: float
    outbox_sequence: int
    last_reorg: dict[str, Any] | None
    quarantined: tuple[dict[str, Any], ...]
    quarantined_blocks: int
    verified_from: int | None
    verified_to: int | None
    verify_difference: str | None
    derived: DerivedStatus
    size_bytes: dict[str, int]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


async def select_status(
    connection: Connection, *, from_block: int, head: tuple[int, datetime] | None, node_error: str | None
) -> Status:
    """The report, from the database as it is now and the node's head as it was given."""
    network = await select_network(connection)
    with translated():
        state = await queries.select_chain_state.one(connection)
        covered = [Covered(**row) for row in await queries.select_coverage.many(connection)]
        reorg = await queries.select_last_reorg.one(connection)
        quarantined = await queries.select_quarantined_blocks.many(connection)
        quarantined_blocks = await queries.count_quarantined_blocks.value(connection)
        verification = await queries.select_verification.one(connection)
        rate = await queries.select_rate.one(connection)
        sizes = await queries.select_table_sizes.many(connection)
        indexed_to = covered[-1].last if covered else None
        indexed_at = (
            None if indexed_to is None else await queries.select_block_time.value(connection, indexed_to)
        )
    derived = await select_derived_status(connection, covered)
    top = max(
        (number for number in (indexed_to, head[0] if head else None) if number is not None), default=None
    )
    missing = gaps(covered, from_block, top) if top is not None else []
    return Status(
        **_network_fields(network),
        head=head[0] if head else None,
        node_error=node_error,
        indexed_to=indexed_to,
        lag_blocks=max(0, head[0] - indexed_to) if head and indexed_to is not None else None,
        lag_seconds=max(0.0, (head[1] - indexed_at).total_seconds()) if head and indexed_at else None,
        finalized=state["finalized_number"] if state is not None and state["finalized_number"] >= 0 else None,
        coverage=tuple((item.first, item.last) for item in covered),
        gaps=tuple(missing),
        gap_blocks=sum(last - first + 1 for first, last in missing),
        blocks_per_second=_rate(rate),
        outbox_sequence=state["outbox_sequence"] if state is not None else 0,
        last_reorg=dict(reorg) if reorg is not None else None,
        quarantined=tuple(dict(row) for row in quarantined),
        quarantined_blocks=quarantined_blocks,
        **_verification_fields(verification),
        derived=derived,
        size_bytes={row["table_name"]: row["bytes"] for row in sizes},
    )


def _network_fields(network: Network | None) -> dict[str, Any]:
    if network is None:
        return {"chain_id": None, "genesis_hash": None, "consensus": None}
    return {
        "chain_id": network.chain_id,
        "genesis_hash": "0x" + network.genesis_hash.hex(),
        "consensus": network.consensus.value,
    }


def _verification_fields(row: Any) -> dict[str, Any]:
    verified = row is not None and row["verified_to"] >= row["first_block"]
    return {
        "verified_from": row["first_block"] if verified else None,
        "verified_to": row["verified_to"] if verified else None,
        "verify_difference": row["difference"] if row is not None else None,
    }


def _rate(row: Any) -> float:
    return 0.0 if row is None or not row["seconds"] else round(row["blocks"] / row["seconds"], 1)


def as_text(status: Status) -> str:
    """For people: one fact a line, gaps and quarantined blocks at most ten of each."""
    lines = [
        f"network      chain id {_or_dash(status.chain_id)}, {_or_dash(status.consensus)}",
        f"genesis      {_or_dash(status.genesis_hash)}",
        f"node head    {_or_dash(status.head)}" + (f" ({status.node_error})" if status.node_error else ""),
        f"indexed to   {_or_dash(status.indexed_to)}",
        f"lag          {_or_dash(status.lag_blocks)} blocks, {_or_dash(status.lag_seconds)} s",
        f"finalized    {_or_dash(status.finalized)}",
        f"rate         {status.blocks_per_second:g} blocks/s over the last minute",
        f"coverage     {_ranges(status.coverage)}",
        f"gaps         {_ranges(status.gaps)} ({status.gap_blocks} blocks)",
        f"last reorg   {_reorg(status.last_reorg)}",
        f"verified     {_verified(status)}",
        f"quarantined  {status.quarantined_blocks}",
    ]
    lines += [f"  block {row['number']}: {row['kind']}: {row['reason']}" for row in status.quarantined[:10]]
    lines += as_lines(status.derived)
    lines += [f"size         {name:<26} {size:>16,} bytes" for name, size in status.size_bytes.items()]
    return "\n".join(lines)


def _or_dash(value: object) -> str:
    return "-" if value is None else str(value)


def _verified(status: Status) -> str:
    done = "none" if status.verified_to is None else f"{status.verified_from}…{status.verified_to}"
    return done if status.verify_difference is None else f"{done}, stopped by {status.verify_difference}"


def _ranges(ranges: Sequence[tuple[int, int]]) -> str:
    shown = ", ".join(f"{first}…{last}" for first, last in ranges[:10]) or "none"
    return shown + (f" and {len(ranges) - 10} more" if len(ranges) > 10 else "")


def _reorg(reorg: dict[str, Any] | None) -> str:
    if reorg is None:
        return "none"
    return (
        f"{reorg['detected_at']:%Y-%m-%d %H:%M:%S %Z}: {reorg['depth']} blocks above "
        f"{reorg['ancestor_number']} replaced, {reorg['transactions_removed']} transactions removed"
    )
