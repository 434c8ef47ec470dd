"""Investments per second beside pgbench of the same transaction; then a run with faults of everything."""

import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg

from benchmarks import chain
from benchmarks.accounts import SESSIONS, Accounts, accounts, named
from benchmarks.bench_follow import percentile
from benchmarks.http_load import CLIENT_CORES, Served, serving
from benchmarks.report import Figures, Report, note, options
from postgres.embedded import binaries
from postgres.queries import Query
from write_api.acting import queries

AT_ONCE = 16
RUN_S, QUICK_RUN_S, WARM_S = 15.0, 3.0, 2.0
TARGET = 0.5
FAULTS_S, QUICK_FAULTS_S = 60.0, 8.0
SCARCE, SCARCE_CAP = "asset7", 400
"""An asset of which less is left than is asked for."""

# The statements of POST /investments with an Idempotency-Key, in its order.
_TRANSACTION = r"""
\set u random(1, {sessions})
\set a random(1, {assets})
\set k random(1, 1000000000000)
BEGIN;
SELECT * FROM account.enter_user(md5('session' || :u)::uuid, 1, 'bench', '127.0.0.1');
SELECT * FROM account.claim_idempotency_key(md5('user' || :u)::uuid::text, :k::text, sha256('bench'));
{insert} \gset
{select};
SELECT account.keep_idempotent_answer(
    md5('user' || :u)::uuid::text, :k::text, 201, sha256('head'), sha256('body')
);
COMMIT;
"""


def _transaction(data: Accounts) -> str:
    insert = spelt(
        queries.insert_investment,
        ("md5('user' || :u)::uuid", "md5('asset' || (:a - :a % 20 + 1))::uuid", "1", "'PEND'"),
    )
    select = spelt(queries.select_investments, ("ARRAY[:id::uuid]",))
    return _TRANSACTION.format(
        sessions=min(SESSIONS, data.users), assets=data.assets - 20, insert=insert, select=select
    )


def spelt(query: Query, arguments: tuple[str, ...]) -> str:
    """The query with SQL in place of its parameters, on one line."""
    text = re.sub(r"\$(\d+)", lambda found: arguments[int(found[1]) - 1], query.sql)
    return " ".join(line for line in text.splitlines() if not line.strip().startswith("--"))


@dataclass(frozen=True, slots=True)
class Rate:
    per_s: float
    p99_ms: float


def main() -> None:
    given = options(__doc__ or "")
    run_s = QUICK_RUN_S if given.quick else RUN_S
    rates: dict[str, list[Rate]] = {"write API": [], "pgbench": []}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=chain.FOLDER)))
        folder.chmod(0o755)
        data = stack.enter_context(accounts(quick=given.quick, copy_to=folder / "accounts"))
        report = Report("write_invest", "The write API: investments", {"PostgreSQL": data.version})
        with write_api(data) as served:
            for round_ in range(given.rounds):
                rates["write API"].append(_through_the_api(served, data, folder, run_s))
                rates["pgbench"].append(_through_pgbench(data, folder, run_s))
                note(f"round {round_ + 1}: {rates['write API'][-1]}, pgbench {rates['pgbench'][-1]}")
        found = _under_faults(data, folder, QUICK_FAULTS_S if given.quick else FAULTS_S)
    _write(report, rates, found, data)
    report.finish(given)


def write_api(data: Accounts, **settings: object) -> Any:
    """`pend-write serve` in one process on the first core."""
    return serving(
        "write_api",
        "serve",
        ready=r"write API on (http://\S+)",
        path="/ping",
        write__port=0,
        write__connections=AT_ONCE,
        **{**data.settings(), **settings},
    )


def _through_the_api(served: Served, data: Accounts, folder: Path, run_s: float) -> Rate:
    seen = ask(served.url, folder, _questions(data, round(run_s * 1_500)), run_s)
    _require_all(seen, {"201"})
    seconds = seen["seconds"]["invest"]
    return Rate(len(seconds) / seen["elapsed_s"], percentile(sorted(seconds), 99) * 1000)


def ask(url: str, folder: Path, asked: list[Any], run_s: float) -> Any:
    """What a closed loop of AT_ONCE clients saw."""
    order = folder / f"order-{uuid4().hex}.json"
    order.write_text(json.dumps({"url": url, "asked": asked, "at_once": AT_ONCE, "run_s": run_s}))
    command = [
        "taskset",
        "-c",
        CLIENT_CORES,
        sys.executable,
        "-m",
        "benchmarks.write_load",
        str(order),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def _questions(data: Accounts, many: int, *, scarce: bool = False) -> list[Any]:
    """Investments of one unit by users who are signed in, each with a key of its own."""
    rng, tokens = random.Random(uuid4().int), data.user_tokens(min(SESSIONS, data.users))
    found = []
    for _ in range(many):
        asset = (
            SCARCE if scarce and rng.random() < 0.5 else f"asset{rng.randrange(data.assets // 20) * 20 + 1}"
        )
        body = {"asset_id": str(named(asset)), "amount": "1", "currency": "PEND"}
        found.append(["invest", "POST", "/api/v1/investments", rng.choice(tokens), body, str(uuid4())])
    return found


def _through_pgbench(data: Accounts, folder: Path, run_s: float) -> Rate:
    script = folder / "invest.sql"
    script.write_text(_transaction(data))
    logs = folder / f"pgbench-{uuid4().hex}"
    done = subprocess.run(
        [
            *("taskset", "-c", CLIENT_CORES, str(binaries() / "pgbench"), "--no-vacuum", "-M", "prepared"),
            *("-c", str(AT_ONCE), "-j", "1", "-T", str(round(run_s)), "-f", str(script)),
            *("--log", f"--log-prefix={logs}", _as_writer(data.dsn)),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    rate = re.search(r"tps = ([\d.]+)", done.stdout)
    assert rate is not None, done.stdout
    taken = [int(line.split()[2]) for path in folder.glob(f"{logs.name}.*") for line in path.open()]
    return Rate(float(rate[1]), percentile(sorted(taken), 99) / 1000)


def _as_writer(dsn: str) -> str:
    return f"{dsn}?options=-c%20role%3Dpend_writer"


def _require_all(seen: Any, wanted: set[str]) -> None:
    statuses = {status for counts in seen["statuses"].values() for status in counts}
    if not statuses <= wanted:
        raise RuntimeError(f"the API answered {seen['statuses']}")


# --- faults


def _under_faults(data: Accounts, folder: Path, run_s: float) -> dict[str, int]:
    """Clients, API and database are killed again and again while many invest; then everything must add up."""
    with psycopg.connect(data.dsn, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "UPDATE account.asset_metrics SET cap = total_invested + total_reserved + %s WHERE asset_id = %s",
            (SCARCE_CAP, named(SCARCE)),
        )
    before = _state(data)
    found = {
        "clients killed": 0,
        "API killed": 0,
        "database crashed": 0,
        "acknowledged": 0,
        "answered 409": 0,
    }
    acknowledged: set[str] = set()
    asked: set[str] = set()
    until = time.monotonic() + run_s
    rng = random.Random(7)
    while time.monotonic() < until:
        with write_api(data) as served:
            for _ in range(2):
                questions = _questions(data, 3_000, scarce=True)
                asked |= {each[5] for each in questions}
                fault = rng.choice(("client", "database", "api", "none"))
                seen = _killed_while_asking(served, data, folder, questions, fault, found)
                acknowledged |= set(seen.get("acknowledged", ()))
                found["answered 409"] += seen.get("statuses", {}).get("invest", {}).get("409", 0)
                if fault == "api":
                    break
        note(f"under faults: {found}, {len(acknowledged):,} acknowledged")
    found["acknowledged"] = len(acknowledged)
    return found | _differences(data, before, acknowledged, asked)


def _killed_while_asking(
    served: Served, data: Accounts, folder: Path, questions: list[Any], fault: str, found: dict[str, int]
) -> Any:
    order = folder / f"order-{uuid4().hex}.json"
    order.write_text(json.dumps({"url": served.url, "asked": questions, "at_once": AT_ONCE, "run_s": 3.0}))
    clients = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.write_load", str(order)], stdout=subprocess.PIPE, text=True
    )
    killers: dict[str, Callable[[], object]] = {
        "client": clients.kill,
        "api": lambda: subprocess.run(["pkill", "-KILL", "-g", str(served.pid)], check=False),
        "database": lambda: _crash(data.dsn),
    }
    if fault in killers:
        timer = threading.Timer(1.5, killers[fault])
        timer.start()
        out, _ = clients.communicate()
        timer.join()
        found[{"client": "clients killed", "api": "API killed", "database": "database crashed"}[fault]] += 1
    else:
        out, _ = clients.communicate()
    return json.loads(out) if out else {}


def _crash(dsn: str) -> None:
    """Kill one session as a fault of memory would: the server ends all others and recovers."""
    with contextlib.suppress(psycopg.OperationalError), psycopg.connect(dsn) as connection:
        os.kill(connection.info.backend_pid, signal.SIGKILL)


def _state(data: Accounts) -> dict[str, Any]:
    with psycopg.connect(data.dsn) as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM account.investments), (SELECT count(*) FROM account.transactions)"
        ).fetchone()
    assert row is not None
    return {"investments": row[0], "transactions": row[1]}


def _differences(
    data: Accounts, before: dict[str, Any], acknowledged: set[str], asked: set[str]
) -> dict[str, int]:
    """What is lost, doubled or overdrawn; all of it has to be 0."""
    with psycopg.connect(data.dsn) as connection:

        def one(statement: str, *values: Any) -> int:
            row = connection.execute(statement.encode(), values).fetchone()
            assert row is not None
            return int(row[0])

        after = _state(data)
        kept = one("SELECT count(*) FROM account.idempotency_keys WHERE key = ANY (%s)", list(asked))
        return {
            "lost": one(
                "SELECT count(*) FROM unnest(%s::text[]) AS a (key) WHERE NOT EXISTS"
                " (SELECT FROM account.idempotency_keys AS k WHERE k.key = a.key AND k.status = 201)",
                list(acknowledged),
            ),
            # Each key that was kept made one investment, and nothing else made any.
            "doubled": abs(after["investments"] - before["investments"] - kept),
            "without transaction": abs(
                (after["transactions"] - before["transactions"])
                - (after["investments"] - before["investments"])
            ),
            "overdrawn": one(
                "SELECT count(*) FROM account.asset_metrics"
                " WHERE total_invested + total_reserved > cap OR total_reserved < 0"
            ),
            "totals that do not add up": one(
                "SELECT count(*) FROM account.asset_metrics AS m"
                " WHERE (m.total_invested, m.total_reserved) <> ("
                " SELECT coalesce(sum(amount) FILTER (WHERE status = 'confirmed'), 0),"
                "        coalesce(sum(amount) FILTER (WHERE status = 'pending'), 0)"
                " FROM account.investments AS i WHERE i.asset_id = m.asset_id)"
            ),
        }


def _write(report: Report, rates: dict[str, list[Rate]], found: dict[str, int], data: Accounts) -> None:
    api = Figures(tuple(each.per_s for each in rates["write API"]))
    beside = Figures(tuple(each.per_s for each in rates["pgbench"]))
    ratio = Figures(
        tuple(
            ours.per_s / theirs.per_s
            for ours, theirs in zip(rates["write API"], rates["pgbench"], strict=True)
        )
    )
    report.say(
        f"{data.users:,} users, {data.assets:,} assets, {data.investments:,} investments; {AT_ONCE} clients "
        "at once, one API process on one core, everything else on the other. Both sides run the same "
        "statements: who acts, key, investment with guards, ledger and audit, the kept answer."
    )
    report.table(
        ("", "investments/s", "p99 ms"),
        [
            [
                name,
                Figures(tuple(e.per_s for e in each)).show(),
                Figures(tuple(e.p99_ms for e in each)).show(1),
            ]
            for name, each in rates.items()
        ],
    )
    verdict = "held" if ratio.median >= TARGET else "MISSED"
    report.say(f"Of pgbench: {ratio.show(2)}; wanted {TARGET}: {verdict}.")
    report.say("## Clients and API killed, the database restarted, while more is asked for than is left")
    report.table(("", ""), [[name, f"{count:,}"] for name, count in found.items()])
    report.data |= {"api": api.values, "pgbench": beside.values, "ratio": ratio.values, "faults": found}


if __name__ == "__main__":
    main()
