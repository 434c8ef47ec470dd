"""A notice to 200 administrators and 2,000 applicants of one panel, beside a bare transport."""

import asyncio
import json
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import psycopg

from benchmarks.bench_explorer_mix import rss_bytes
from benchmarks.databases import PLAIN, running
from benchmarks.http_load import Served, bare_stream, beside_servers, serving
from benchmarks.listeners import MARK as BARE_MARK
from benchmarks.listeners import Arrival, Heard, listeners
from benchmarks.report import Figures, Report, note, options
from service.embedded_redis import EmbeddedRedis
from service.redis import RedisSettings
from write_api.credentials import signing_keys
from write_api.credentials.access_tokens import AccessTokens
from write_api.credentials.signing_keys import SigningKeys
from write_api.encryption.key_file import new_key_file
from write_api.panel_events import PanelEvent, PanelEvents

ADMINS, APPLICANTS, QUICK = 200, 2_000, 10
NOTICES, EVERY_S = 20, 0.25
KIB_TARGET, LAST_TARGET_MS = 100.0, 250.0
_MARK = '42["notice:new",{"id":'
_LAST_COMES_S = 1.0

_OPEN_USER = "SELECT account.open_user_session(%s, %s, %s, 'bench', '1 day')"
_CREATE_ADMIN = "SELECT account.create_admin(%s, 'Somebody', 'viewer', %s, '1 hour')"
_OPEN_ADMIN = "SELECT account.open_admin_session(%s, %s, 'totp', %s, '127.0.0.1', 'bench', '1 day')"
_USER_OF = "SELECT user_id FROM account.user_sessions WHERE id = %s"


@dataclass(slots=True)
class Measured:
    """Notice by notice; milliseconds from when it was handed over to its last receiver."""

    panel_ms: list[float] = field(default_factory=list)
    bare_ms: list[float] = field(default_factory=list)
    panel_kib: list[float] = field(default_factory=list)
    bare_kib: list[float] = field(default_factory=list)
    connect_s: list[float] = field(default_factory=list)
    lost: int = 0
    ended: list[dict[str, int]] = field(default_factory=list)


def main() -> None:
    given = options(__doc__ or "")
    share = QUICK if given.quick else 1
    measured = Measured()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.enter_context(beside_servers())
        server = stack.enter_context(running(PLAIN))
        redis = stack.enter_context(EmbeddedRedis())
        dsn = stack.enter_context(server.fresh())
        report = Report("write_live", "The admin panel, live", {"PostgreSQL": server.version})
        new_key_file(folder / "master.json")
        signing_keys.create(folder / "signing.json", datetime.now(UTC))
        tokens = _tokens(dsn, folder, ADMINS // share, APPLICANTS // share)
        for round_ in range(given.rounds):
            with _panel(dsn, redis.url, folder) as panel, bare_stream() as bare:
                asyncio.run(_round(panel, bare, redis.url, tokens, folder, measured))
            note(
                f"round {round_ + 1}: last receiver after {max(measured.panel_ms[-NOTICES:]):.1f} ms "
                f"at worst, {measured.panel_kib[-1]:.1f} KiB each, lost {measured.lost}"
            )
    _write(report, measured, len(tokens))
    report.finish(given)


def _tokens(dsn: str, folder: Path, admins: int, applicants: int) -> list[str]:
    """Of so many accounts, each with a session."""
    access = AccessTokens(SigningKeys(folder / "signing.json", 3_660), "pend", "pend-write", 3_600)
    made: list[str] = []
    with psycopg.connect(dsn, autocommit=True) as connection:

        def value(query: str, *arguments: object) -> UUID:
            row = connection.execute(query.encode(), arguments).fetchone()
            assert row is not None
            found: UUID = row[0]
            return found

        for number in range(admins):
            session = uuid4()
            admin = value(_CREATE_ADMIN, f"a{number}@pend.example", secrets.token_bytes(32))
            value(_OPEN_ADMIN, session, admin, secrets.token_bytes(32))
            made.append(access.issue(admin, "admin", session, 1, datetime.now(UTC)))
        for _ in range(applicants):
            session = uuid4()
            connection.execute(_OPEN_USER, (session, secrets.token_bytes(20), secrets.token_bytes(32)))
            made.append(access.issue(value(_USER_OF, session), "user", session, 1, datetime.now(UTC)))
    return made


def _panel(dsn: str, redis_url: str, folder: Path) -> AbstractContextManager[Served]:
    return serving(
        "write_api",
        "live",
        "--per-address",
        "1000000",
        ready=r"panel on (http://\S+)",
        path="/ping",
        database__dsn=dsn,
        database__role="pend_writer",
        redis__url=redis_url,
        write__live_port=0,
        protection__enabled=False,
        encryption__keys_file=folder / "master.json",
        sign_in__keys_file=folder / "signing.json",
        storage__folder=folder / "documents",
    )


async def _round(
    panel: Served, bare: Served, redis_url: str, tokens: list[str], folder: Path, measured: Measured
) -> None:
    """Each notice goes to everyone; half of `EVERY_S` later as many bytes come from the bare transport."""
    events = PanelEvents(RedisSettings(url=redis_url))
    told: dict[int, tuple[float, float]] = {}
    parts = urlsplit(bare.url)
    before = rss_bytes(panel.pid), rss_bytes(bare.pid)
    with (
        socket.create_connection((parts.hostname, parts.port)) as teller,
        listeners(bare.url, len(tokens), folder) as theirs,
        _clients(panel.url, tokens, folder) as (ours, connect_s),
    ):
        for number in range(NOTICES + 1):  # the first is for warming up
            at = time.time()
            await events.tell([PanelEvent("notice:new", "everyone", {"id": number, "severity": "info"})])
            await asyncio.sleep(EVERY_S)
            told[number] = at, time.time()
            teller.sendall(b"TELL " + f'{BARE_MARK}{number},"severity":"i"}}'.encode() + b"\n")
            await asyncio.sleep(EVERY_S)
        await asyncio.sleep(_LAST_COMES_S)
        after = rss_bytes(panel.pid), rss_bytes(bare.pid)
    for number in range(1, NOTICES + 1):
        for heard, out, told_at in (
            (ours, measured.panel_ms, told[number][0]),
            (theirs, measured.bare_ms, told[number][1]),
        ):
            arrival = heard.arrivals[number]
            out.append((arrival.last_at - told_at) * 1_000)
            measured.lost += len(tokens) - arrival.count
    measured.panel_kib.append((after[0] - before[0]) / len(tokens) / 1_024)
    measured.bare_kib.append((after[1] - before[1]) / len(tokens) / 1_024)
    measured.connect_s.append(connect_s[0])
    measured.ended += [each.ended for each in (ours, theirs) if each.ended]


@contextmanager
def _clients(url: str, tokens: list[str], folder: Path) -> Iterator[tuple[Heard, list[float]]]:
    """All are connected within the block."""
    order = folder / "panel.json"
    order.write_text(json.dumps({"url": url, "tokens": tokens, "mark": _MARK}))
    heard, connect_s = Heard(), [0.0]
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.panel_clients", str(order)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        if line != "open\n":
            raise RuntimeError(line + process.stderr.read())
        yield heard, connect_s
        out, err = process.communicate()
        if process.returncode:
            raise RuntimeError(err)
        said = json.loads(out)
        heard.arrivals = {int(number): Arrival(**each) for number, each in said["messages"].items()}
        heard.ended, connect_s[0] = said["ended"], said["connected_s"]
    finally:
        process.kill()
        process.wait()


def _write(report: Report, measured: Measured, clients: int) -> None:
    ours, bare = Figures(tuple(measured.panel_ms)), Figures(tuple(measured.bare_ms))
    kib, bare_kib = Figures(tuple(measured.panel_kib)), Figures(tuple(measured.bare_kib))
    connect = Figures(tuple(measured.connect_s))
    slow = "" if max(ours.values) <= LAST_TARGET_MS else " MISSED"
    big = "" if kib.median <= KIB_TARGET else " MISSED"
    report.say(
        f"## A notice to {clients:,} clients of one process\n\n"
        "`pend-write live` on one core; clients, PostgreSQL and Redis on the other. Each client is an "
        "account of its own, signed in by its token at connect, which is checked in the database. A notice "
        "is told by `PanelEvents.tell`, as the HTTP API tells it, by way of Redis; in turn with it as many "
        "bytes are told to as many sockets by a bare uvloop transport. Time from when it is handed over to "
        "its last receiver."
    )
    report.table(
        ("", "bare transport", "panel", "wanted"),
        [
            ["last receiver, ms", bare.show(1), ours.show(1), f"slowest ≤ {LAST_TARGET_MS:g} ms{slow}"],
            ["KiB each", bare_kib.show(1), kib.show(1), f"≤ {KIB_TARGET:g} KiB{big}"],
            ["all connected and signed in, s", "", connect.show(2), ""],
        ],
    )
    lost = "" if not measured.lost and not measured.ended else " MISSED"
    report.say(
        f"{measured.lost} notices lost, connections ended by a server: {measured.ended or 'none'}{lost}."
    )
    report.data |= {"clients": clients, "measured": measured}


if __name__ == "__main__":
    main()
