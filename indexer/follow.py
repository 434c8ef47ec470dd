"""Close the distance between the stored tip and the node's head, one transaction at a time.

Extending, catching up and replacing a branch are answers of `chain.place`; there is no other mode.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from evm.consensus import has_immediate_finality
from evm.primitives import hex_to_bytes, to_hex
from indexer.chain import (
    BelowWindow,
    Duplicate,
    Extend,
    Gap,
    Link,
    NeedParent,
    Rollback,
    TooDeep,
    Window,
    linked_prefix,
    place,
)
from indexer.errors import CoverageConflict, FinalityViolated, ReorgTooDeep
from indexer.metrics import IndexerMetrics
from indexer.network import Network
from indexer.rows import BlockRows, block_rows
from indexer.writer import Branch, Committed, queries, replace, store
from node.client import NodeClient
from node.errors import BlockMissing
from node.heads import HeadSeen
from node.wire import FetchedBlock
from postgres.connections import Connection
from postgres.errors import UniqueConflict, translated

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FollowLimits:
    """`jump_blocks`: a gap longer than this is left to the backfill and the head followed at once."""

    batch_blocks: int
    jump_blocks: int
    from_block: int
    full: bool
    derives: bool = True


async def select_window(connection: Connection, max_reorg_depth: int) -> Window:
    """The newest stored blocks, enough for the deepest reorg that is allowed; empty in an empty database."""
    with translated():
        state = await queries.select_chain_state.one(connection)
        ranges = await queries.select_coverage.many(connection)
        finalized = -1 if state is None else state["finalized_number"]
        if not ranges:
            return Window((), finalized, max_reorg_depth)
        # A reorg may reach through a hole that a backfill above the tip has left.
        top = ranges[-1]["last"]
        links = await queries.select_links.many(connection, top - max_reorg_depth, top)
    return Window(tuple(Link(**row) for row in links), finalized, max_reorg_depth)


@dataclass(slots=True)
class Follower:
    """The one writer at the head: owns its connection, its epoch and the window of recent blocks."""

    node: NodeClient
    connection: Connection
    network: Network
    epoch: int
    window: Window
    limits: FollowLimits
    metrics: IndexerMetrics
    on_progress: Callable[[], None] = lambda: None
    # One block at a time, so that a block that cannot be stored is found and those before it are stored.
    singly: bool = False

    async def converge(self, head: HeadSeen) -> None:
        """Store what it takes for `head` to be on the stored chain.

        A head that the node has given up meanwhile changes nothing. Raises `FinalityViolated` and
        `ReorgTooDeep` (invariant 6) with nothing changed, and retryable errors after which it may be
        called again, after `reload` where the error is ours.
        """
        if self.window.tip is None:
            await self._start(head.number)
        newest = [Link(head.number, hex_to_bytes(head.hash), hex_to_bytes(head.parent_hash))]
        branch = newest
        while True:
            match place(self.window, branch):
                case Duplicate():
                    if branch is newest:
                        return await self._join(newest[0])
                    branch = newest
                case BelowWindow(number, hash_):
                    return await self._check_below_window(number, hash_)
                case Gap(first, last):
                    branch = await self._cross(first, last, head.number) or newest
                case NeedParent(number, hash_):
                    branch = [await self._fetch_link(number, hash_), *branch]
                case Extend(ancestor):
                    await self._extend(ancestor, await self._fetch_branch(branch))
                    branch = newest
                case Rollback(ancestor, depth):
                    # The node announces a new branch block by block; readers are to see it whole.
                    latest = await self._latest()
                    if latest.hash != branch[-1].hash and not await self._leads_to(latest, branch[-1]):
                        branch = newest = [latest]
                        continue
                    await self._replace(ancestor, depth, await self._fetch_branch(branch))
                    branch = newest
                case TooDeep() as refused:
                    if not await self._is_meant(branch[-1]):
                        return None
                    raise _refusal(refused, self.window)

    async def reload(self) -> None:
        """Read the window again: another transaction has changed the stored chain."""
        self.window = await select_window(self.connection, self.window.max_reorg_depth)

    async def _start(self, head: int) -> None:
        """Begin a range of its own, deep enough below the head for any reorg that may come."""
        number = min(head, max(self.limits.from_block, head - self.window.max_reorg_depth))
        fetched = await self.node.fetch_blocks([number], full=self.limits.full)
        self.window = Window((), self.window.finalized, self.window.max_reorg_depth)
        try:
            await self._extend(None, fetched)
        except (CoverageConflict, UniqueConflict):
            # Stored already, by a backfill that came this far: go on from what is stored.
            await self.reload()

    async def _cross(self, first: int, last: int, head: int) -> list[Link] | None:
        """Store the next blocks of the gap; a long one is left to the backfill, once the tip is proved.

        Answers with a branch when the node's blocks do not continue the tip.
        """
        blocks = 1 if self.singly else self.limits.batch_blocks
        numbers = range(first, min(last, first + blocks - 1) + 1)
        fetched = await self.node.fetch_blocks(numbers, full=self.limits.full)
        links = [_link(block) for block in fetched]
        links = links[: linked_prefix(links)]
        match place(self.window, links):
            case Extend(ancestor):
                await self._extend(ancestor, fetched[: len(links)])
            case _:
                return links
        if last - first > self.limits.jump_blocks:
            log.info("gap left to the backfill", first=links[-1].number + 1, head=head)
            await self._start(head)
        return None

    async def _join(self, head: Link) -> None:
        """See to it that what is below a hole are the ancestors of what is above it, up to `head`.

        After a reorg a backfill may have stored the new branch above blocks of the old one: no head ever
        contradicts those, and nothing fits into the hole. What does fit is left to the backfill.
        """
        if self.window.unbroken_from == self.window.links[0].number or head != self.window.links[-1]:
            return
        await self.reload()  # the hole may have been filled meanwhile
        links, first = self.window.links, self.window.unbroken_from
        if head != links[-1]:
            return
        branch = [link for link in links if link.number >= first]
        while (number := branch[0].number - 1) >= links[0].number:
            stored = self.window.by_number.get(number)
            if stored is not None and stored.hash == branch[0].parent_hash:
                if any(number < link.number < first for link in links):
                    await self._replace(stored, head.number - number, await self._fetch_branch(branch))
                return
            branch = [await self._fetch_link(number, branch[0].parent_hash), *branch]

    async def _extend(self, ancestor: Link | None, fetched: Sequence[FetchedBlock]) -> None:
        batch = [block_rows(block) for block in fetched]
        finalized = self._finalized(batch[-1].number)
        started = asyncio.get_running_loop().time()
        committed = await store(
            self.connection, batch, finalized=finalized, epoch=self.epoch, derives=self.limits.derives
        )
        self._stored(committed, batch, ancestor, finalized, started)

    async def _replace(self, ancestor: Link, depth: int, fetched: Sequence[FetchedBlock]) -> None:
        batch = [block_rows(block) for block in fetched]
        finalized = self._finalized(batch[-1].number)
        started = asyncio.get_running_loop().time()
        old_head = self.window.links[-1]
        committed = await replace(
            self.connection,
            Branch(ancestor, old_head),
            batch,
            finalized=finalized,
            epoch=self.epoch,
            derives=self.limits.derives,
        )
        self._stored(committed, batch, ancestor, finalized, started)
        self.metrics.reorged(depth)
        log.warning(
            "branch replaced",
            ancestor=ancestor.number,
            depth=depth,
            old_head=to_hex(old_head.hash),
            new_head=to_hex(batch[-1].hash),
        )

    def _stored(
        self,
        committed: Committed,
        batch: Sequence[BlockRows],
        ancestor: Link | None,
        finalized: int,
        started: float,
    ) -> None:
        links = [Link(rows.number, rows.hash, rows.parent_hash) for rows in batch]
        self.window = self.window.extended(links, ancestor=ancestor, finalized=finalized)
        self.metrics.committed(
            blocks=len(batch),
            transactions=committed.transactions,
            logs=committed.logs,
            seconds=asyncio.get_running_loop().time() - started,
        )
        self.metrics.indexed_to(batch[-1].number, batch[-1].timestamp)
        self.on_progress()

    def _finalized(self, number: int) -> int:
        """The highest block that can no longer change once `number` is stored."""
        if has_immediate_finality(self.network.consensus):
            return number
        return number - self.window.max_reorg_depth

    async def _fetch_branch(self, branch: Sequence[Link]) -> list[FetchedBlock]:
        """The blocks of `branch` by hash, so that no other branch can slip in."""
        fetched = []
        for link in branch:
            block = await self.node.fetch_block_by_hash(to_hex(link.hash), full=self.limits.full)
            if block is None:
                raise BlockMissing(self.node.endpoint, to_hex(link.hash))
            fetched.append(block)
        return fetched

    async def _fetch_link(self, number: int, hash_: bytes) -> Link:
        header = await self.node.fetch_header_by_hash(to_hex(hash_))
        if header is None:
            raise BlockMissing(self.node.endpoint, to_hex(hash_))
        return Link(number, hash_, hex_to_bytes(header.parent_hash))

    async def _latest(self) -> Link:
        header = await self.node.fetch_header("latest")
        if header is None:
            raise BlockMissing(self.node.endpoint, "latest")
        return Link(int(header.number, 16), hex_to_bytes(header.hash), hex_to_bytes(header.parent_hash))

    async def _leads_to(self, latest: Link, top: Link) -> bool:
        """Whether `top`, above our tip, lies on the way to a head that a gap parts from our tip."""
        tip = self.window.links[-1].number
        return top.number > tip and latest.number > tip + 1 and await self._is_canonical(top)

    async def _is_canonical(self, link: Link) -> bool:
        """A reorg needs a competing hash that the node stands by, not an announcement (LESSONS 10)."""
        header = await self.node.fetch_header(link.number)
        return header is not None and hex_to_bytes(header.hash) == link.hash

    async def _is_meant(self, link: Link) -> bool:
        """Before an alarm: does the node stand by this hash, and is it still the recorded network?

        A reset or foreign endpoint is set aside and another asked; with none left `WrongGenesis` says
        what really happened (invariant 9).
        """
        if not await self._is_canonical(link):
            return False
        network = self.network
        await self.node.verify_network(network.chain_id, to_hex(network.genesis_hash))
        return await self._is_canonical(link)

    async def _check_below_window(self, number: int, hash_: bytes) -> None:
        """A head far below the tip is a node that lags, unless its hash contradicts the stored one."""
        with translated():
            links = await queries.select_links.many(self.connection, number, number)
        if links and links[0]["hash"] != hash_ and await self._is_meant(Link(number, hash_, b"")):
            refused = TooDeep(
                number,
                links[0]["hash"],
                hash_,
                self.window.links[-1].number - number + 1,
                final=number <= self.window.finalized,
            )
            raise _refusal(refused, self.window)


def _link(block: FetchedBlock) -> Link:
    return Link(block.number, hex_to_bytes(block.block.hash), block.header.parent_hash)


def _refusal(refused: TooDeep, window: Window) -> FinalityViolated | ReorgTooDeep:
    if refused.final and refused.stored is not None:
        return FinalityViolated(refused.number, refused.stored, refused.offered)
    return ReorgTooDeep(refused.depth, window.max_reorg_depth)
