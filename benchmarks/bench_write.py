"""What is asked most, at 300 requests a second over a million users, beside pgbench of the same."""

import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from benchmarks import chain
from benchmarks.accounts import SESSIONS, WORDS, Accounts, accounts, named
from benchmarks.bench_follow import percentile
from benchmarks.bench_write_invest import spelt, write_api
from benchmarks.http_load import CLIENT_CORES, Served
from benchmarks.report import Figures, Report, note, options
from postgres.embedded import binaries
from postgres.queries import Query
from write_api.acting import queries

PER_S = 300
RUN_S, QUICK_RUN_S, WARM_S = 20.0, 3.0, 10.0
SCRIPTS, ASKED = 30, 2_000  # pgbench takes 128 scripts
DATABASE_CONNECTIONS = 16


@dataclass(slots=True)
class Kind:
    """A question: its share of the mix, the seeds' figure, requests, and the statements behind each."""

    name: str
    weight: int
    target_ms: float
    asked: list[Any]
    statements: list[Sequence[tuple[Query, tuple[str, ...]]]]
    """By script: the queries of the route with their arguments as SQL."""
    enter: list[str]
    seen_ms: list[list[float]] = field(default_factory=list)
    beside_ms: list[list[float]] = field(default_factory=list)

    def p99(self, rounds: list[list[float]]) -> Figures:
        return Figures(tuple(percentile(sorted(each), 99) for each in rounds))


def main() -> None:
    given = options(__doc__ or "")
    run_s = QUICK_RUN_S if given.quick else RUN_S
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=chain.FOLDER)))
        data = stack.enter_context(accounts(quick=given.quick))
        report = Report("write", "The write API: what is asked most", {"PostgreSQL": data.version})
        kinds = _kinds(data)
        with write_api(data) as served:
            for round_ in range(given.rounds):
                _through_the_api(served, kinds, folder, run_s)
                _through_pgbench(data, kinds, folder, run_s)
                told = ", ".join(
                    f"{k.name} {k.p99(k.seen_ms[-1:]).show(1)} / {k.p99(k.beside_ms[-1:]).show(1)}"
                    for k in kinds
                )
                note(f"round {round_ + 1}, p99 ms of API / pgbench: {told}")
    _write(report, kinds, data)
    report.finish(given)


def _kinds(data: Accounts) -> list[Kind]:
    rng = random.Random(5)
    signed_in = min(SESSIONS, data.users)
    tokens = data.user_tokens(signed_in)
    admin = data.admin_token("super_admin")
    as_admin = [_enter("admin", "md5('sessionsuper_admin')::uuid")] * SCRIPTS
    users = [rng.randrange(1, data.users + 1) for _ in range(ASKED)]
    who = [rng.randrange(1, signed_in + 1) for _ in range(ASKED)]
    words = [f"{rng.choice(WORDS)} {rng.choice(WORDS)}" for _ in range(ASKED)]

    def get(kind: str, path: str, token: str) -> list[Any]:
        return [kind, "GET", f"/api/v1{path}", token, None, None]

    as_user = [_enter("user", f"md5('session{number}')::uuid") for number in who[:SCRIPTS]]
    return [
        Kind(
            "user look-up",
            40,
            25.0,
            [get("user look-up", f"/admin/users/{named(f'user{number}')}", admin) for number in users],
            [[(queries.select_managed_user, (f"md5('user{number}')::uuid",))] for number in users[:SCRIPTS]],
            as_admin,
        ),
        Kind(
            "asset search",
            25,
            45.0,
            [
                get("asset search", f"/assets?q={text.replace(' ', '%20')}&limit=25", tokens[number - 1])
                for text, number in zip(words, who, strict=True)
            ],
            [[(queries.select_assets_matching, _matching(text))] for text in words[:SCRIPTS]],
            as_user,
        ),
        Kind(
            "transaction history",
            25,
            75.0,
            [get("transaction history", "/transactions?limit=25", tokens[number - 1]) for number in who],
            [[(queries.select_transactions, _history(number))] for number in who[:SCRIPTS]],
            as_user,
        ),
        Kind(
            "dashboard",
            10,
            150.0,
            [get("dashboard", "/admin/dashboard-stats", admin)],
            [
                [
                    (queries.select_platform, ()),
                    (queries.select_open_work, ("1000",)),
                    (queries.select_asset_totals, ()),
                ]
            ]
            * SCRIPTS,
            as_admin,
        ),
    ]


def _matching(text: str) -> tuple[str, ...]:
    return ("26", *("NULL",) * 5, f"'{text}'")


def _history(number: int) -> tuple[str, ...]:
    return ("26", *("NULL",) * 6, f"md5('user{number}')::uuid")


def _enter(kind: str, session: str) -> str:
    return f"SELECT * FROM account.enter_{kind}({session}, 1, 'bench', '127.0.0.1')"


def _through_the_api(served: Served, kinds: list[Kind], folder: Path, run_s: float) -> None:
    order = folder / f"order-{uuid4().hex}.json"
    mix = {kind.name: {"weight": kind.weight, "asked": kind.asked} for kind in kinds}
    asked = {"url": served.url, "mix": mix, "per_s": PER_S, "run_s": run_s, "warm_s": WARM_S, "at_once": 64}
    order.write_text(json.dumps(asked))
    command = ["taskset", "-c", CLIENT_CORES, sys.executable, "-m", "benchmarks.write_load", str(order)]
    seen = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    if {status for counts in seen["statuses"].values() for status in counts} != {"200"}:
        raise RuntimeError(f"the API answered {seen['statuses']}")
    for kind in kinds:
        kind.seen_ms.append([seconds * 1000 for seconds in seen["seconds"][kind.name]])


def _through_pgbench(data: Accounts, kinds: list[Kind], folder: Path, run_s: float) -> None:
    """The same statements in the same transactions, at the same rate."""
    scripts: list[str] = []
    owner: dict[int, Kind] = {}
    for kind in kinds:
        for number, statements in enumerate(kind.statements):
            script = folder / f"{kind.name.replace(' ', '_')}-{number}.sql"
            lines = [
                "BEGIN",
                kind.enter[number % len(kind.enter)],
                *(spelt(*each) for each in statements),
                "COMMIT",
            ]
            script.write_text("".join(f"{line};\n" for line in lines))
            owner[len(scripts) // 2] = kind
            scripts += ["-f", f"{script}@{kind.weight}"]
    logs = folder / f"pgbench-{uuid4().hex}"
    subprocess.run(
        [
            *("taskset", "-c", CLIENT_CORES, str(binaries() / "pgbench"), "--no-vacuum", "-M", "simple"),
            *("-c", str(DATABASE_CONNECTIONS), "-j", "1", "-T", str(round(run_s)), "-R", str(PER_S)),
            *("--log", f"--log-prefix={logs}", *scripts, f"{data.dsn}?options=-c%20role%3Dpend_writer"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    taken: dict[str, list[float]] = {kind.name: [] for kind in kinds}
    for path in folder.glob(f"{logs.name}.*"):
        for line in path.read_text().splitlines():
            parts = line.split()  # client, transaction, microseconds since it was due, script, …
            taken[owner[int(parts[3])].name].append(int(parts[2]) / 1000)
    for kind in kinds:
        kind.beside_ms.append(taken[kind.name])


def _write(report: Report, kinds: list[Kind], data: Accounts) -> None:
    report.say(
        f"{data.users:,} users, {data.assets:,} assets, {data.investments:,} investments; {PER_S} requests a "
        "second of the mix in an open loop: time counts from when a request was due. Authenticated, each in "
        "its own transaction below row-level security, its session checked there. One API process on one "
        "core, everything else on the other; pgbench runs the same transactions at the same rate."
    )
    report.table(
        ("", "share", "p99 ms", "wanted", "", "pgbench p99 ms", "p50 ms"),
        [
            [
                kind.name,
                f"{kind.weight} %",
                kind.p99(kind.seen_ms).show(1),
                f"{kind.target_ms:g}",
                "held" if kind.p99(kind.seen_ms).median <= kind.target_ms else "MISSED",
                kind.p99(kind.beside_ms).show(1),
                Figures(tuple(percentile(sorted(each), 50) for each in kind.seen_ms)).show(1),
            ]
            for kind in kinds
        ],
    )
    report.data |= {
        kind.name: {
            "p99_ms": kind.p99(kind.seen_ms).values,
            "pgbench_p99_ms": kind.p99(kind.beside_ms).values,
        }
        for kind in kinds
    }


if __name__ == "__main__":
    main()
