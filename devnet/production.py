"""The next block: planned by consensus, filled from the workload, executed, sealed."""

import copy
import random
from collections.abc import Sequence
from typing import Self

from devnet.assembly import Draft, draft, draft_genesis, finish
from devnet.keys import KeyPair, generator
from devnet.machine import NotIncludable, Outcome, execute
from devnet.sealing import Plan, Sealer, sealer_for
from devnet.signing import sign
from devnet.state import State, balance_of, nonce_of
from devnet.workload import ETHER, Workload
from evm.blocks import Block, Transaction
from evm.consensus import Consensus
from evm.extra_data import VANITY_BYTES

GENESIS_BALANCE = 1_000_000_000 * ETHER
GAS_LIMIT_MIN = 30_000_000
GAS_PER_TRANSACTION = 1_000_000  # room for the dearest kind, so that the gas limit cuts no block short
# Share of its places that a competing branch gives to transactions of the branch it replaces.
TAKEN_UP_SHARE = 0.8
# How far ahead a pending transaction may be taken: senders change places, one sender's never do.
LOOK_AHEAD = 4


class Producer:
    """Makes blocks out of a seed; the same calls in the same order make the same blocks."""

    def __init__(
        self,
        seed: int,
        consensus: Consensus,
        *,
        validators: Sequence[KeyPair],
        accounts: Sequence[KeyPair],
        transactions_per_block: int,
        chain_id: int,
    ) -> None:
        self.state = State()
        self.workload = Workload(accounts)
        self._seed = seed
        self._consensus = consensus
        self._accounts = accounts
        self._transactions_per_block = transactions_per_block
        self._chain_id = chain_id
        self._gas_limit = max(GAS_LIMIT_MIN, GAS_PER_TRANSACTION * transactions_per_block)
        self._sealer: Sealer = sealer_for(consensus, seed, validators)

    def twin(self) -> Self:
        """A producer that goes on from here by itself, with a state of its own."""
        other = copy.copy(self)
        other.state = self.state.copy()
        return other

    def genesis(self, timestamp: int) -> Block:
        self.state.apply({balance_of(pair.address): GENESIS_BALANCE for pair in self._accounts})
        plan = self._sealer.genesis()
        drafted = draft_genesis(
            plan, timestamp=timestamp, gas_limit=self._gas_limit, state_root=self.state.close_block()
        )
        return finish(drafted, drafted.header, plan, self._consensus, None)

    def next(
        self,
        recent: Sequence[Block],
        timestamp: int,
        *,
        branch: int,
        pending: list[Transaction],
        competing: bool,
    ) -> Block:
        """The child of `recent[-1]`, executed on the state; takes what it includes out of `pending`.

        `branch` goes into the vanity or the randomness, so that no two branches share a block.
        """
        parent = recent[-1]
        rng = generator(self._seed, branch, parent.header.number + 1)
        vanity = (f"pend devnet {branch}" if branch else "pend devnet").encode().ljust(VANITY_BYTES, b"\0")
        plan = self._sealer.plan([block.header for block in recent], rng, vanity, competing=competing)
        drafted = self._fill(parent, plan, timestamp, pending, rng)
        sealed = self._sealer.seal(drafted.header, rng)
        return finish(drafted, sealed, plan, self._consensus, parent)

    def _fill(
        self, parent: Block, plan: Plan, timestamp: int, pending: list[Transaction], rng: random.Random
    ) -> Draft:
        transactions: list[Transaction] = []
        outcomes: list[Outcome] = []
        base_fee = plan.base_fee_per_gas or 0
        while len(transactions) < self._transactions_per_block:
            transaction = self._draw(plan, pending, rng)
            try:
                outcome = execute(transaction, self.state, base_fee=base_fee, beneficiary=plan.beneficiary)
            except NotIncludable:
                continue  # a pending one that another of its sender has overtaken
            transactions.append(transaction)
            outcomes.append(outcome)
        for withdrawal in plan.withdrawals or ():
            key = balance_of(withdrawal.address)
            self.state.apply({key: self.state.integer(key) + withdrawal.amount * 10**9})
        return draft(
            parent, plan, transactions, outcomes, timestamp=timestamp, state_root=self.state.close_block()
        )

    def _draw(self, plan: Plan, pending: list[Transaction], rng: random.Random) -> Transaction:
        if pending and rng.random() < TAKEN_UP_SHARE:
            position = rng.randrange(min(len(pending), LOOK_AHEAD))
            senders = [transaction.sender for transaction in pending[: position + 1]]
            return pending.pop(senders.index(senders[position]))
        intent = self.workload.next_intent(self.state, rng)
        nonce = self.state.integer(nonce_of(intent.sender.address))
        return sign(intent, nonce=nonce, chain_id=self._chain_id, base_fee=plan.base_fee_per_gas, rng=rng)
