"""The simulated chain: one seed, one history; more blocks and reorgs on command."""

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass

from devnet.keys import KeyPair
from devnet.keys import accounts as account_keys
from devnet.keys import validators as validator_keys
from devnet.production import Producer
from devnet.state import State
from devnet.workload import Workload
from evm.blocks import Block, Transaction
from evm.consensus import Consensus
from evm.primitives import Hash32

ACCOUNTS = 48
GENESIS_TIMESTAMP = 1_767_225_600  # 2026-01-01T00:00:00Z


class ImpossibleReorg(ValueError):
    """A reorg that goes below genesis or below the kept states, or whose branch is empty."""

    def __init__(self, depth: int, length: int | None, depth_max: int) -> None:
        self.depth = depth
        self.length = length
        self.depth_max = depth_max
        super().__init__(
            f"cannot replace {depth} blocks by {'enough' if length is None else length}: "
            f"depth must be 1 to {depth_max}, length at least 1"
        )


@dataclass(frozen=True)
class Change:
    """A change of the canonical chain: blocks taken away, newest first, then blocks added, oldest first."""

    removed: tuple[Block, ...]
    added: tuple[Block, ...]


@dataclass(frozen=True)
class Location:
    block: Block
    index: int


class Devnet:
    """A network of validators whose whole history follows from its arguments and the commands it is given.

    With `wall_clock` history ends now and new blocks carry the time of day; hashes then differ between runs.
    """

    def __init__(
        self,
        seed: int = 1,
        consensus: Consensus | str = Consensus.QBFT,
        *,
        validators: int = 4,
        transactions_per_block: int = 20,
        history_blocks: int = 0,
        block_time_s: float = 2.0,
        chain_id: int = 1337,
        genesis_timestamp: int | None = None,
        wall_clock: bool = False,
    ) -> None:
        self.seed = seed
        self.consensus = Consensus(consensus)
        self.chain_id = chain_id
        self.block_time_s = block_time_s
        self.validators: tuple[KeyPair, ...] = validator_keys(seed, validators)
        self.accounts: tuple[KeyPair, ...] = account_keys(seed, ACCOUNTS)
        self.branch = 0
        self.listeners: list[Callable[[Change], None]] = []
        self._transactions_per_block = transactions_per_block
        self._producer = Producer(
            seed,
            self.consensus,
            validators=self.validators,
            accounts=self.accounts,
            transactions_per_block=transactions_per_block,
            chain_id=chain_id,
        )
        self._wall_clock_from = history_blocks + 1 if wall_clock else None
        if genesis_timestamp is None:
            genesis_timestamp = GENESIS_TIMESTAMP
            if wall_clock:
                genesis_timestamp = int(time.time() - history_blocks * block_time_s)
        self._canonical: list[Block] = []
        self._by_hash: dict[Hash32, Block] = {}
        self._locations: dict[Hash32, Location] = {}
        self._append(self._producer.genesis(genesis_timestamp))
        self.advance(history_blocks)

    @property
    def state(self) -> State:
        """The state at the head and at the last 512 blocks."""
        return self._producer.state

    @property
    def workload(self) -> Workload:
        """Where the network's contracts are."""
        return self._producer.workload

    @property
    def genesis(self) -> Block:
        return self._canonical[0]

    @property
    def head(self) -> Block:
        return self._canonical[-1]

    def block(self, which: int | Hash32) -> Block | None:
        """The canonical block of that number, or any block ever made, orphaned too, of that hash."""
        if isinstance(which, bytes):
            return self._by_hash.get(which)
        return self._canonical[which] if 0 <= which < len(self._canonical) else None

    def is_canonical(self, block: Block) -> bool:
        at_number = self.block(block.header.number)
        return at_number is not None and at_number.hash == block.hash

    def location(self, transaction_hash: Hash32) -> Location | None:
        """Where on the canonical chain a transaction is."""
        return self._locations.get(transaction_hash)

    def advance(self, blocks: int = 1) -> tuple[Block, ...]:
        """Make `blocks` more blocks on top of the head."""
        added = tuple(self._make([], competing=False) for _ in range(blocks))
        if added:
            self._announce(Change((), added))
        return added

    def reorg(self, depth: int, length: int | None = None) -> Change:
        """Replace the last `depth` blocks by a competing branch of `length` blocks.

        Without a length the branch becomes as long as fork choice needs: one block more than it replaces, on
        Clique more if that is still not heavier. Most of the removed transactions are taken up again. On
        QBFT and IBFT2 such a branch breaks finality: it is made all the same, so that alarms can be tested.
        """
        depth_max = self.head.header.number - self.state.oldest
        if not 1 <= depth <= depth_max or (length is not None and length < 1):
            raise ImpossibleReorg(depth, length, depth_max)
        weight = self.head.total_difficulty or 0
        removed = tuple(self._remove_head() for _ in range(depth))
        self.branch += 1
        pending = [transaction for block in reversed(removed) for transaction in block.transactions]
        added = [self._make(pending, competing=True) for _ in range(length or depth + 1)]
        while length is None and weight and (self.head.total_difficulty or 0) <= weight:
            added.append(self._make(pending, competing=True))
        change = Change(removed, tuple(added))
        self._announce(change)
        return change

    def split(self, depth: int, length: int | None = None) -> "Devnet":
        """This network as those see it who followed another branch: `reorg` on a copy of its own.

        Both keep their common history; from here on each makes blocks of its own.
        """
        other: Devnet = copy.copy(self)
        other.listeners = []
        other._producer = self._producer.twin()
        other._canonical = list(self._canonical)
        other._by_hash = dict(self._by_hash)
        other._locations = dict(self._locations)
        other.reorg(depth, length)
        return other

    def reset(self, seed: int | None = None, *, history_blocks: int = 0) -> "Devnet":
        """A network like this one that began anew: same chain id, another genesis, other keys."""
        return Devnet(
            self.seed + 1 if seed is None else seed,
            self.consensus,
            validators=len(self.validators),
            transactions_per_block=self._transactions_per_block,
            history_blocks=history_blocks,
            block_time_s=self.block_time_s,
            chain_id=self.chain_id,
            genesis_timestamp=self.genesis.header.timestamp,
            wall_clock=self._wall_clock_from is not None,
        )

    def _announce(self, change: Change) -> None:
        for listener in tuple(self.listeners):
            listener(change)

    def _make(self, pending: list[Transaction], *, competing: bool) -> Block:
        # Consensus looks back at most as far as there are validators (Clique's waiting signers).
        recent = self._canonical[-len(self.validators) :]
        block = self._producer.next(
            recent, self._next_timestamp(), branch=self.branch, pending=pending, competing=competing
        )
        self._append(block)
        return block

    def _next_timestamp(self) -> int:
        number = self.head.header.number + 1
        if self._wall_clock_from is not None and number >= self._wall_clock_from:
            # Below a second, blocks share one: timestamps must not run ahead of the clock.
            step = 1 if self.block_time_s >= 1 else 0
            return max(self.head.header.timestamp + step, int(time.time()))
        return self.genesis.header.timestamp + int(number * self.block_time_s)

    def _append(self, block: Block) -> None:
        self._canonical.append(block)
        self._by_hash[block.hash] = block
        for index, transaction in enumerate(block.transactions):
            self._locations[transaction.hash] = Location(block, index)

    def _remove_head(self) -> Block:
        block = self._canonical.pop()
        for transaction in block.transactions:
            del self._locations[transaction.hash]
        self.state.undo_block()
        return block
