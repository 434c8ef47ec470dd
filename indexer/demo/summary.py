"""What a demo claims at its end, claim by claim; it succeeded when all of them are true."""

from dataclasses import dataclass

from indexer.demo.watch import Observation


@dataclass(frozen=True, slots=True)
class Check:
    claim: str
    holds: bool
    detail: str


def as_text(checks: list[Check], seen: Observation) -> str:
    width = max(len(check.claim) for check in checks)
    lines = ["", "Summary"]
    for check in checks:
        mark = "ok    " if check.holds else "FAILED"
        first, *more = check.detail.splitlines() or [""]
        lines.append(f"  {mark}  {check.claim:<{width}}  {first}")
        lines += [f"{'':{width + 12}}{line}" for line in more]
    lines.append(
        f"  stored: {seen.blocks:,} blocks, {seen.transactions:,} transactions, {seen.logs:,} logs; "
        f"{seen.reorgs} branches replaced, {seen.orphaned} orphaned headers kept"
    )
    return "\n".join(lines)
