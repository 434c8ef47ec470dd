"""Who makes the next block and how it is sealed: QBFT, IBFT2, Clique, Ethereum after the merge."""

import random
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from msgspec.structs import replace

from devnet.keys import KeyPair, key_pair
from evm.blocks import Header, Withdrawal
from evm.consensus import BFT_MIX_HASH, Consensus, seal_hash
from evm.consensus import proposer as proposer_of
from evm.extra_data import (
    SEAL_BYTES,
    VANITY_BYTES,
    CliqueExtra,
    Ibft2Extra,
    QbftExtra,
    Vote,
    decode_ibft2,
    decode_qbft,
    encode_clique,
    encode_ibft2,
    encode_qbft,
)
from evm.primitives import ZERO_ADDRESS, ZERO_HASH, Address, Hash32, keccak256
from evm.secp256k1 import sign

NO_NONCE, CLIQUE_ADD_NONCE = bytes(8), b"\xff" * 8
NO_VANITY = bytes(VANITY_BYTES)

LATE_ROUND_SHARE = 0.05  # blocks whose first proposer missed its turn
MISSING_SEAL_SHARE = 0.1  # blocks sealed by a bare quorum: healthy, not a missed validator
OFFLINE_SHARE = 0.1  # Clique blocks signed out of turn
VOTE_SHARE = 0.02

CLIQUE_EPOCH = 30_000
BASE_FEE_AT_GENESIS = 1_000_000_000
# SHA-256 of nothing: no execution layer requests (EIP-7685).
NO_REQUESTS_HASH = bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")


@dataclass(frozen=True)
class Plan:
    """What consensus decides about a block before its transactions are known."""

    difficulty: int
    miner: Address = ZERO_ADDRESS  # the header's field
    beneficiary: Address = ZERO_ADDRESS  # who is paid; the signer on Clique, where miner names a vote
    extra_data: bytes = b""
    mix_hash: Hash32 = ZERO_HASH
    nonce: bytes = NO_NONCE
    base_fee_per_gas: int | None = None
    withdrawals: tuple[Withdrawal, ...] | None = None
    parent_beacon_block_root: Hash32 | None = None
    requests_hash: Hash32 | None = None


class Sealer(Protocol):
    consensus: Consensus

    def genesis(self) -> Plan: ...

    def plan(self, recent: Sequence[Header], rng: random.Random, vanity: bytes, *, competing: bool) -> Plan:
        """Plan the child of `recent[-1]`; a competing branch is made as heavy as the rules allow."""
        ...

    def seal(self, header: Header, rng: random.Random) -> Header: ...


def sealer_for(consensus: Consensus, seed: int, validators: Sequence[KeyPair]) -> Sealer:
    match consensus:
        case Consensus.QBFT | Consensus.IBFT2:
            return BftSealer(consensus, seed, validators)
        case Consensus.CLIQUE:
            return CliqueSealer(seed, validators)
        case Consensus.ETHEREUM:
            return EthereumSealer(validators)


def _seal_bytes(digest: Hash32, pair: KeyPair) -> bytes:
    r, s, y_parity = sign(digest, pair.private_key)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes((y_parity,))


class BftSealer:
    """QBFT and IBFT2: proposers in rotation, at least two thirds of the validators seal."""

    def __init__(self, consensus: Consensus, seed: int, validators: Sequence[KeyPair]) -> None:
        self.consensus = consensus
        self._validators = validators
        self._addresses = tuple(pair.address for pair in validators)
        self._candidate = key_pair(seed, "candidate", 0).address

    def genesis(self) -> Plan:
        extra_data = self._extra_data(NO_VANITY)
        return Plan(1, extra_data=extra_data, mix_hash=BFT_MIX_HASH, base_fee_per_gas=0)

    def plan(self, recent: Sequence[Header], rng: random.Random, vanity: bytes, *, competing: bool) -> Plan:
        round_number = 1 if competing or rng.random() < LATE_ROUND_SHARE else 0
        count = len(self._addresses)
        miner = self._addresses[(bisect_right(self._addresses, recent[-1].miner) + round_number) % count]
        # Only one validator ever votes, so that no vote finds a majority and the set stays as it is.
        vote = (self._candidate, True) if miner == self._addresses[0] and rng.random() < VOTE_SHARE else None
        return Plan(
            1,
            miner=miner,
            beneficiary=miner,
            extra_data=self._extra_data(vanity, vote, round_number),
            mix_hash=BFT_MIX_HASH,
            base_fee_per_gas=0,  # zeroBaseFee, as on a network without gas prices
        )

    def seal(self, header: Header, rng: random.Random) -> Header:
        digest = seal_hash(header, self.consensus)
        committers = list(self._validators)
        quorum = -(-2 * len(committers) // 3)
        if len(committers) > quorum and rng.random() < MISSING_SEAL_SHARE:
            committers.pop(rng.randrange(len(committers)))
        seals = tuple(_seal_bytes(digest, pair) for pair in committers)
        if self.consensus is Consensus.QBFT:
            sealed = encode_qbft(replace(decode_qbft(header.extra_data), seals=seals))
        else:
            sealed = encode_ibft2(replace(decode_ibft2(header.extra_data), seals=seals))
        return replace(header, extra_data=sealed)

    def _extra_data(self, vanity: bytes, vote: Vote | None = None, round_number: int = 0) -> bytes:
        addresses = self._addresses
        if self.consensus is Consensus.QBFT:
            return encode_qbft(QbftExtra(vanity=vanity, validators=addresses, vote=vote, round=round_number))
        return encode_ibft2(Ibft2Extra(vanity=vanity, validators=addresses, vote=vote, round=round_number))


class CliqueSealer:
    """Clique: signers in turn (difficulty 2) or, when one is offline, out of turn (difficulty 1)."""

    consensus = Consensus.CLIQUE

    def __init__(self, seed: int, validators: Sequence[KeyPair]) -> None:
        self._pairs = {pair.address: pair for pair in validators}
        self._addresses = tuple(pair.address for pair in validators)
        self._candidate = key_pair(seed, "candidate", 0).address
        self._signer = self._addresses[0]

    def genesis(self) -> Plan:
        return Plan(1, extra_data=encode_clique(CliqueExtra(vanity=NO_VANITY, validators=self._addresses)))

    def plan(self, recent: Sequence[Header], rng: random.Random, vanity: bytes, *, competing: bool) -> Plan:
        number, count = recent[-1].number + 1, len(self._addresses)
        # Having signed one of the last count // 2 blocks, a signer must wait (EIP-225, SIGNER_LIMIT).
        waiting = {proposer_of(header, self.consensus) for header in recent[-(count // 2) :] if header.number}
        if count == 1:
            waiting = set()
        allowed = [address for address in self._addresses if address not in waiting]
        in_turn = self._addresses[number % count]
        others = [address for address in allowed if address != in_turn]
        offline = not competing and others and rng.random() < OFFLINE_SHARE
        self._signer = in_turn if in_turn in allowed and not offline else rng.choice(others)
        epoch = number % CLIQUE_EPOCH == 0
        votes = not epoch and self._signer == self._addresses[0] and rng.random() < VOTE_SHARE
        return Plan(
            2 if self._signer == in_turn else 1,
            miner=self._candidate if votes else ZERO_ADDRESS,
            beneficiary=self._signer,
            extra_data=encode_clique(CliqueExtra(vanity=vanity, validators=self._addresses if epoch else ())),
            nonce=CLIQUE_ADD_NONCE if votes else NO_NONCE,
        )

    def seal(self, header: Header, rng: random.Random) -> Header:  # noqa: ARG002 - one signer, no choice
        seal = _seal_bytes(seal_hash(header, self.consensus), self._pairs[self._signer])
        return replace(header, extra_data=header.extra_data[:-SEAL_BYTES] + seal)


class EthereumSealer:
    """Ethereum after the merge: nobody seals, every validator is paid in its turn; fields up to Prague."""

    consensus = Consensus.ETHEREUM

    def __init__(self, validators: Sequence[KeyPair]) -> None:
        self._addresses = tuple(pair.address for pair in validators)

    def genesis(self) -> Plan:
        return Plan(
            0,
            base_fee_per_gas=BASE_FEE_AT_GENESIS,
            withdrawals=(),
            parent_beacon_block_root=ZERO_HASH,
            requests_hash=NO_REQUESTS_HASH,
        )

    def plan(self, recent: Sequence[Header], rng: random.Random, vanity: bytes, *, competing: bool) -> Plan:  # noqa: ARG002
        parent, miner = recent[-1], rng.choice(self._addresses)
        return Plan(
            0,
            miner=miner,
            beneficiary=miner,
            extra_data=vanity.rstrip(b"\0"),
            mix_hash=rng.randbytes(32),  # prevRandao (EIP-4399)
            base_fee_per_gas=next_base_fee(parent),
            withdrawals=self._withdrawals(parent.number + 1, rng),
            parent_beacon_block_root=keccak256(parent.mix_hash + parent.state_root),
            requests_hash=NO_REQUESTS_HASH,
        )

    def seal(self, header: Header, rng: random.Random) -> Header:  # noqa: ARG002 - the beacon chain's business
        return header

    def _withdrawals(self, number: int, rng: random.Random) -> tuple[Withdrawal, ...]:
        if rng.random() < 0.75:
            return ()
        return tuple(
            Withdrawal(
                index=number * 16 + position,
                validator_index=validator,
                address=self._addresses[validator],
                amount=rng.randrange(1, 20_000_000),
            )
            for position, validator in enumerate(rng.sample(range(len(self._addresses)), 1))
        )


def next_base_fee(parent: Header) -> int:
    """The base fee that EIP-1559 sets after `parent`."""
    fee, target = parent.base_fee_per_gas or 0, parent.gas_limit // 2
    if parent.gas_used > target:
        return fee + max(fee * (parent.gas_used - target) // target // 8, 1)
    return fee - fee * (target - parent.gas_used) // target // 8
