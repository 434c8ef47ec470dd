"""Other indexers, pinned, installed once into `.cache/bench/peers/`, and one timed run of each.

A peer that cannot be had is skipped, and the report says so. `PEND_BENCH_CRYO` names a Python that has cryo,
`PEND_BENCH_PONDER` a folder made of `benchmarks/ponder` in which its packages are installed.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg
from web3 import AsyncHTTPProvider, AsyncWeb3

from benchmarks.chain import FOLDER
from benchmarks.indexing import environment
from benchmarks.replay import Replay
from benchmarks.report import note

CRYO_VERSION, PYARROW_VERSION = "0.3.2", "26.0.1"
PONDER_VERSION, VIEM_VERSION = "0.16.10", "2.31.3"
LIMIT_LIFTED_TO = 5_000
# Ponder leaves what is not final to its other mode, which indexes block by block.
PONDER_FINALITY_BLOCKS = 30

_PEERS = FOLDER / "peers"
_PONDER_SOURCE = Path(__file__).parent / "ponder"
_PONDER_LIMITER = "node_modules/ponder/dist/esm/rpc/index.js"
_LIMITS = ("const INITIAL_MAX_RPS = ", "const MAX_RPS = ")
_INSTALL_S, _RUN_S = 300, 600

_CRYO = """
import sys, time
import cryo
url, end, folder = sys.argv[1:]
started = time.time()
cryo.freeze(["blocks", "txs", "logs"], start_block="0", end_block=end, rpc=url,
            output_dir=folder, verbose=False)
print(time.time() - started)
import glob
import pyarrow.parquet as parquet
for part in ("blocks", "transactions", "logs"):
    print(sum(parquet.read_metadata(path).num_rows for path in glob.glob(f"{folder}/*__{part}__*.parquet")))
"""


class PeerUnavailable(RuntimeError):
    """It cannot be installed here; says which command failed and how."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What a run took, without its start, and the rows it wrote by their name."""

    blocks: int
    seconds: float
    rows: dict[str, int]

    @property
    def blocks_per_s(self) -> float:
        return self.blocks / self.seconds


def cryo() -> Path:
    """A Python with cryo: the named one, or one of our own."""
    if (given := os.environ.get("PEND_BENCH_CRYO")) is not None:
        return Path(given)
    folder = _PEERS / f"cryo-{CRYO_VERSION}"
    python = folder / "bin/python"
    if not (folder / "installed").exists():
        _installing([sys.executable, "-m", "venv", "--clear", str(folder)])
        _installing(
            [str(python), "-m", "pip", "install", f"cryo=={CRYO_VERSION}", f"pyarrow=={PYARROW_VERSION}"]
        )
        (folder / "installed").touch()
    return python


def ponder() -> Path:
    """A folder with ponder whose limiter is lifted: the named one, or one of our own."""
    if (given := os.environ.get("PEND_BENCH_PONDER")) is not None:
        return Path(given)
    folder = _PEERS / f"ponder-{PONDER_VERSION}"
    shutil.copytree(_PONDER_SOURCE, folder, dirs_exist_ok=True)
    if not (folder / "installed").exists():
        _installing(["npm", "install", "--no-audit", "--no-fund", "--loglevel=error"], folder)
        _lift_limiter(folder / _PONDER_LIMITER)
        (folder / "installed").touch()
    return folder


def _lift_limiter(path: Path) -> None:
    """It begins at 20 requests a second and would be all that is measured."""
    lines = path.read_text().splitlines(keepends=True)
    lifted = [
        next((f"{start}{LIMIT_LIFTED_TO};\n" for start in _LIMITS if line.startswith(start)), line)
        for line in lines
    ]
    if sum(a != b for a, b in zip(lines, lifted, strict=True)) != len(_LIMITS):
        raise PeerUnavailable(f"the limiter is not in {path} as ponder {PONDER_VERSION} has it")
    path.write_text("".join(lifted))


def _installing(command: list[str], folder: Path | None = None) -> None:
    note(f"installing a peer: {' '.join(command)}")
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=_INSTALL_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PeerUnavailable(f"`{' '.join(command)}`: {error}") from error
    if done.returncode:
        raise PeerUnavailable(f"`{' '.join(command)}` ended with {done.returncode}: {done.stderr[-500:]}")


def run_cryo(python: Path, replay: Replay, blocks: int) -> Stored:
    """Blocks, transactions and logs as Parquet files, with cryo's own settings."""
    with tempfile.TemporaryDirectory(prefix="cryo-", dir=FOLDER) as folder:
        done = subprocess.run(
            [str(python), "-c", _CRYO, replay.url, str(blocks), folder],
            capture_output=True,
            text=True,
            timeout=_RUN_S,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"cryo ended with {done.returncode}: {done.stderr[-2000:]}")
    seconds, *rows = done.stdout.split()[-4:]
    names = ("blocks", "transactions", "logs")
    return Stored(blocks, float(seconds), dict(zip(names, map(int, rows), strict=True)))


def run_ponder(folder: Path, replay: Replay, dsn: str, blocks: int) -> Stored:
    """Transfers into PostgreSQL with an empty cache; from the first block asked for to its "completed".

    `blocks` of them, counted from 0; the node must have `PONDER_FINALITY_BLOCKS` more.
    """
    replay.reset()
    process = subprocess.Popen(
        [
            *("node_modules/.bin/ponder", "start", "--schema", "bench", "--port", "0"),
            *("--log-format", "json", "--log-level", "info"),
        ],
        cwd=folder,
        env={
            **environment(),
            "DATABASE_URL": dsn,
            "BENCH_RPC": replay.url,
            "BENCH_LAST": str(blocks - 1),
            "PONDER_TELEMETRY_DISABLED": "true",
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    said: list[str] = []
    completed_at = 0.0
    try:
        for line in process.stdout:
            said.append(line)
            if "Completed backfill indexing" in line:
                completed_at = json.loads(line)["time"] / 1000
                break
    finally:
        process.terminate()
        process.communicate(timeout=60)
    if not completed_at:
        raise RuntimeError(f"ponder did not complete: {''.join(said)[-2000:]}")
    seconds = completed_at - replay.first_block_at()
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT count(*) FROM bench.transfer").fetchone()
    return Stored(blocks, seconds, {"transfers": row[0] if row else 0})


def run_web3(replay: Replay, blocks: int, concurrency: int) -> Stored:
    """Nothing is stored: blocks with transactions, and receipts, fetched and thrown away."""
    return Stored(blocks, asyncio.run(_fetch(replay.url, blocks, concurrency)), {})


async def _fetch(url: str, blocks: int, concurrency: int) -> float:
    web3 = AsyncWeb3(AsyncHTTPProvider(url))
    numbers = iter(range(blocks))

    async def work() -> None:
        for number in numbers:
            await web3.eth.get_block(number, True)
            await web3.eth.get_block_receipts(number)

    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(concurrency)))
    seconds = time.perf_counter() - started
    await web3.provider.disconnect()
    return seconds
