"""A chain as a real node (anvil) tells it: raw JSON of blocks and receipts, recorded once.

`python -m benchmarks.chain` records; the benchmarks record by themselves when nothing is there.
The file lies in `.cache/bench/`, is named for what made it, and is used as long as that is unchanged.
"""

import argparse
import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import uvloop

from benchmarks.market import init_code
from benchmarks.workload import ACCOUNTS, TOKEN_UNITS, Call, Workload
from tests.acceptance.contracts import OPENZEPPELIN, connected
from tests.anvil import Anvil, find_anvil, running_anvil

FOLDER = Path(__file__).parent.parent / ".cache" / "bench"
BLOCKS = 9_000
# Of these so many are used: two workers then get equally many segments of 2,000.
MEASURED_BLOCKS = 8_000
QUICK_BLOCKS = 4_000
CHAIN_ID = 424_242
GENESIS_TIME = 1_700_000_000
BLOCK_TIME_S = 2
TOKENS, MARKETS = 4, 8
_BATCH = 20


class _Answer(msgspec.Struct):
    result: msgspec.Raw = msgspec.Raw()
    error: Any = None


_ANSWERS = msgspec.json.Decoder(list[_Answer])


@dataclass(frozen=True, slots=True)
class Summary:
    """What was recorded; kept beside the recording."""

    blocks: int
    transactions: int
    logs: int
    failed: int
    json_bytes: int
    head_hash: str
    node: str
    recorded_in_s: float


@dataclass(frozen=True, slots=True)
class Chain:
    """Raw JSON per block from block 0 on, as the node sent it."""

    path: Path
    blocks: Sequence[bytes]
    receipts: Sequence[bytes]
    hashes: Sequence[str] = ()  # of the blocks, where whoever made them knows


class _Shape(msgspec.Struct):
    """The little that is needed to count."""

    hash: str
    transactions: list[msgspec.Raw]


class _Receipt(msgspec.Struct):
    logs: list[msgspec.Raw]
    status: str


def recording(blocks: int = BLOCKS) -> Path:
    """The recording's path; records it first where it is missing."""
    path = FOLDER / f"chain-{blocks}-{_fingerprint()}.jsonl"
    if not path.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        print(f"recording {blocks:,} blocks from anvil, once …", flush=True)
        _record(path, blocks)
    return path


def _fingerprint() -> str:
    """Changes with whatever changes the chain."""
    sample = Workload(
        accounts=[f"account {n}" for n in range(ACCOUNTS)],
        tokens=[f"token {n}" for n in range(TOKENS)],
        markets=[f"market {n}" for n in range(MARKETS)],
        nonces={},
    )
    calls = [next(sample.funding()), *(sample.block(number) for number in range(20))]
    made_of = (calls, init_code(), CHAIN_ID, GENESIS_TIME, BLOCK_TIME_S)
    return hashlib.sha256(repr(made_of).encode()).hexdigest()[:10]


def load(path: Path, blocks: int | None = None) -> Chain:
    """The first `blocks` blocks of a recording, or all."""
    lines = path.read_bytes().split(b"\n")
    lines.pop()
    end = len(lines) if blocks is None else 2 * blocks
    return Chain(path, lines[0:end:2], lines[1:end:2])


def summary(path: Path) -> Summary:
    return Summary(**json.loads(path.with_suffix(".json").read_text()))


def summarise(chain: Chain, *, node: str, seconds: float) -> Summary:
    blocks = [msgspec.json.decode(block, type=_Shape) for block in chain.blocks]
    receipts = [msgspec.json.decode(receipts, type=list[_Receipt]) for receipts in chain.receipts]
    return Summary(
        blocks=len(blocks),
        transactions=sum(len(block.transactions) for block in blocks),
        logs=sum(len(receipt.logs) for parts in receipts for receipt in parts),
        failed=sum(receipt.status == "0x0" for parts in receipts for receipt in parts),
        json_bytes=sum(map(len, chain.blocks)) + sum(map(len, chain.receipts)),
        head_hash=blocks[-1].hash,
        node=node,
        recorded_in_s=round(seconds, 1),
    )


@contextmanager
def live(blocks: int) -> Iterator[Anvil]:
    """A real node that holds the chain up to block `blocks` - 1."""
    binary = find_anvil()
    if binary is None:
        raise SystemExit("anvil is missing: run `npm ci` in tests/acceptance/packages, or `make test` once")
    arguments = (
        *("--accounts", str(ACCOUNTS), "--timestamp", str(GENESIS_TIME)),
        *("--order", "fifo", "--prune-history"),
    )
    with running_anvil(binary, chain_id=CHAIN_ID, arguments=arguments) as node:
        uvloop.run(_play(node, blocks))
        yield node


async def _play(node: Anvil, blocks: int) -> None:
    contracts = connected(node)
    contracts.request("anvil_setBlockTimestampInterval", BLOCK_TIME_S)
    owner = contracts.accounts[0]
    preset = "ERC20PresetFixedSupply"
    tokens = [
        contracts.deploy(OPENZEPPELIN, preset, f"Token {n}", f"T{n}", TOKEN_UNITS, owner)
        for n in range(TOKENS)
    ]
    creation = {"from": owner, "data": init_code(), "gas": hex(1_000_000)}
    markets = [
        contracts.mined(contracts.request("eth_sendTransaction", creation))["contractAddress"]
        for _ in range(MARKETS)
    ]
    contracts.request("evm_setAutomine", False)
    play = Workload(
        accounts=[account.lower() for account in contracts.accounts],
        tokens=[token.address.lower() for token in tokens],
        markets=[str(address).lower() for address in markets],
        nonces={owner.lower(): TOKENS + MARKETS},
    )
    async with aiohttp.ClientSession() as session:
        http = _Rpc(session, node.http_url)
        for calls in play.funding():
            await http.mine(calls)
        for number in range(contracts.head() + 1, blocks):
            await http.mine(play.block(number))


def _record(path: Path, blocks: int) -> None:
    started = time.monotonic()
    partial = path.with_suffix(".partial")
    with live(blocks) as node:
        uvloop.run(_save(node, partial, blocks))
        version = str(connected(node).request("web3_clientVersion"))
    counted = summarise(load(partial), node=version, seconds=time.monotonic() - started)
    path.with_suffix(".json").write_text(json.dumps(asdict(counted), indent=2) + "\n")
    partial.rename(path)


async def _save(node: Anvil, path: Path, blocks: int) -> None:
    async with aiohttp.ClientSession() as session:
        http = _Rpc(session, node.http_url)
        with path.open("wb") as file:
            for first in range(0, blocks, _BATCH):
                file.write(await http.recorded(range(first, min(first + _BATCH, blocks))))


@dataclass(frozen=True, slots=True)
class _Rpc:
    session: aiohttp.ClientSession
    url: str

    async def mine(self, calls: Sequence[Call]) -> None:
        await self.batch("eth_sendTransaction", [[call] for call in calls])
        await self.batch("evm_mine", [[]])

    async def recorded(self, numbers: range) -> bytes:
        """Two lines of JSON for each block: the block and its receipts."""
        blocks = await self.batch("eth_getBlockByNumber", [[hex(number), True] for number in numbers])
        receipts = await self.batch("eth_getBlockReceipts", [[hex(number)] for number in numbers])
        pairs = zip(blocks, receipts, strict=True)
        return b"".join(b"%b\n%b\n" % (bytes(block), bytes(parts)) for block, parts in pairs)

    async def batch(self, method: str, parameters: Sequence[Sequence[Any]]) -> list[msgspec.Raw]:
        body = [
            {"jsonrpc": "2.0", "id": index, "method": method, "params": params}
            for index, params in enumerate(parameters)
        ]
        async with self.session.post(self.url, json=body) as response:
            answers = _ANSWERS.decode(await response.read())
        failures = [answer.error for answer in answers if answer.error is not None]
        if failures or len(answers) != len(body):
            raise RuntimeError(f"{method}: {failures[:1]}, {len(answers)} answers to {len(body)} calls")
        return [answer.result for answer in answers]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blocks", type=int, default=BLOCKS)
    path = recording(parser.parse_args().blocks)
    print(path)
    print(json.dumps(asdict(summary(path)), indent=2))


if __name__ == "__main__":
    main()
