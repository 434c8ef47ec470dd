"""Networks whose validators come and go, with what each block must say of them, told apart from evm.duty.

Votes, turns and sets follow Besu's VoteTally and BftProposerSelector and EIP-225's signers step by step.
"""

import random
from dataclasses import dataclass, field, replace
from typing import Any

import asyncpg
from msgspec.structs import replace as with_fields

from evm.blocks import Header
from evm.consensus import BFT_MIX_HASH, Consensus, header_hash, seal_hash
from evm.extra_data import (
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
from evm.primitives import EMPTY_ROOT, EMPTY_UNCLES_HASH, ZERO_ADDRESS, ZERO_HASH, keccak256
from evm.secp256k1 import address_of, sign

SECONDS = 600  # six blocks an hour
START_S = 1_700_000_000
KEYS = {address_of(key): key for key in (keccak256(b"sealer %d" % number) for number in range(9))}
ADDRESSES = sorted(KEYS)
CLIQUE_EPOCH = 25


@dataclass(frozen=True)
class Made:
    """A block and what its network knows of it."""

    header: Header
    proposer: bytes
    committers: tuple[bytes, ...] = ()
    round: int | None = 0
    missed: tuple[bytes, ...] | None = ()
    validators: tuple[bytes, ...] = ()
    vote: Vote | None = None


@dataclass
class Votes:
    """Besu's VoteTally: who wants whom in and who out."""

    validators: set[bytes]
    adding: dict[bytes, set[bytes]] = field(default_factory=dict)
    dropping: dict[bytes, set[bytes]] = field(default_factory=dict)

    def cast(self, voter: bytes, subject: bytes, *, add: bool) -> None:
        adding, dropping = self.adding.setdefault(subject, set()), self.dropping.setdefault(subject, set())
        (adding if add else dropping).add(voter)
        (dropping if add else adding).discard(voter)
        limit = len(self.validators) // 2 + 1
        if len(adding) >= limit:
            self.validators.add(subject)
            self._forget(subject)
        if len(dropping) >= limit:
            self.validators.discard(subject)
            self._forget(subject)
            for votes in (*self.adding.values(), *self.dropping.values()):
                votes.discard(subject)

    def discard_all(self) -> None:
        self.adding.clear()
        self.dropping.clear()

    def _forget(self, subject: bytes) -> None:
        self.adding.pop(subject, None)
        self.dropping.pop(subject, None)


def in_turn(validators: list[bytes], parent_proposer: bytes, round_number: int) -> bytes:
    """Besu's BftProposerSelector, changing with each block."""
    if parent_proposer in validators:
        return validators[(validators.index(parent_proposer) + 1 + round_number) % len(validators)]
    later = [validator for validator in validators if validator > parent_proposer]
    return validators[
        (validators.index(later[0] if later else validators[0]) + round_number) % len(validators)
    ]


def bft_chain(seed: int, consensus: Consensus, blocks: int, *, contract: range = range(0)) -> list[Made]:
    """Sealed by bare quorums; in the blocks of `contract` headers name nobody, though the set stays."""
    rng = random.Random(seed)
    tally = Votes(set(rng.sample(ADDRESSES, 4)))
    wish = _wish(rng, tally.validators)
    genesis = _header(None, extra_data=_bft_extra(consensus, tuple(sorted(tally.validators)), None, 0))
    made = [Made(genesis, ZERO_ADDRESS, validators=tuple(sorted(tally.validators)))]
    for number in range(1, blocks):
        validators = sorted(tally.validators)
        round_number = rng.choice([0, 0, 0, 0, 1, 2, 5])
        expected = [in_turn(validators, made[-1].proposer, each) for each in range(round_number + 1)]
        missed = expected[:-1]
        proposer = expected[-1]
        if 0 < round_number < len(validators) and rng.random() < 0.3:  # prepared in an earlier round
            proposer = missed.pop(rng.randrange(round_number))
        vote = None if number in contract else _vote(rng, wish)
        listed = () if number in contract else tuple(validators)
        header = _header(
            made[-1].header,
            miner=proposer,
            extra_data=_bft_extra(consensus, listed, vote, round_number),
        )
        committers = tuple(rng.sample(validators, -(-2 * len(validators) // 3)))
        made.append(
            Made(
                _seal(header, consensus, committers),
                proposer,
                committers,
                round_number,
                tuple(missed),
                listed,
                vote,
            )
        )
        if number % 40 == 0:  # an epoch, of which headers say nothing
            tally.discard_all()
        elif vote is not None:
            tally.cast(proposer, vote[0], add=vote[1])
        if sorted(tally.validators) != validators:
            wish = _wish(rng, tally.validators)
    return made


def clique_chain(seed: int, blocks: int) -> list[Made]:
    rng = random.Random(seed)
    tally = Votes(set(rng.sample(ADDRESSES, 4)))
    wish = _wish(rng, tally.validators)
    signers = tuple(sorted(tally.validators))
    genesis = _header(None, mix_hash=ZERO_HASH, extra_data=encode_clique(CliqueExtra(validators=signers)))
    made = [Made(genesis, ZERO_ADDRESS, round=None, missed=None, validators=signers)]
    for number in range(1, blocks):
        signers = tuple(sorted(tally.validators))
        signer = rng.choice(signers)
        epoch = number % CLIQUE_EPOCH == 0
        vote = None if epoch else _vote(rng, wish)
        header = _header(
            made[-1].header,
            mix_hash=ZERO_HASH,
            difficulty=2 if signers[number % len(signers)] == signer else 1,
            miner=ZERO_ADDRESS if vote is None else vote[0],
            nonce=b"\xff" * 8 if vote is not None and vote[1] else bytes(8),
            extra_data=encode_clique(CliqueExtra(validators=signers if epoch else ())),
        )
        sealed = _seal(header, Consensus.CLIQUE, (signer,))
        made.append(Made(sealed, signer, (signer,), None, None, signers, vote))
        if epoch:
            tally.discard_all()
        if vote is not None:
            tally.cast(signer, vote[0], add=vote[1])
        if tuple(sorted(tally.validators)) != signers:
            wish = _wish(rng, tally.validators)
    return made


async def store_headers(connection: asyncpg.Connection, consensus: Consensus, made: list[Made]) -> None:
    """Store them as the facts that derivations read, in a network of that consensus."""
    await connection.execute(
        "INSERT INTO chain.chain_state (chain_id, genesis_hash, consensus) VALUES (1337, $1, $2)",
        header_hash(made[0].header, consensus),
        consensus.value,
    )
    for block in made:
        header = block.header
        row: dict[str, Any] = {name: getattr(header, name) for name in header.__struct_fields__}
        row |= {"hash": header_hash(header, consensus), "size": 1, "transaction_count": 0, "log_count": 0}
        columns = list(row)
        values = ", ".join(
            f"to_timestamp(${place}::float8)" if column == "timestamp" else f"${place}"
            for place, column in enumerate(columns, 1)
        )
        await connection.execute(
            f"INSERT INTO chain.blocks ({', '.join(columns)}) VALUES ({values})", *row.values()
        )


def resealed(block: Made, consensus: Consensus, committers: tuple[bytes, ...]) -> Made:
    """The same block under other seals."""
    return replace(block, header=_seal(block.header, consensus, committers), committers=committers)


def _wish(rng: random.Random, validators: set[bytes]) -> Vote:
    outside = [address for address in ADDRESSES if address not in validators]
    if len(validators) <= 3 or (outside and len(validators) < 7 and rng.random() < 0.5):
        return rng.choice(outside), True
    return rng.choice(sorted(validators)), False


def _vote(rng: random.Random, wish: Vote) -> Vote | None:
    """Mostly what all wish for, so that sets change; now and then something of one's own."""
    return rng.choices([wish, (rng.choice(ADDRESSES), rng.random() < 0.5), None], [0.6, 0.1, 0.3])[0]


def _bft_extra(
    consensus: Consensus, validators: tuple[bytes, ...], vote: Vote | None, round_number: int
) -> bytes:
    if consensus is Consensus.QBFT:
        return encode_qbft(QbftExtra(validators=validators, vote=vote, round=round_number))
    return encode_ibft2(Ibft2Extra(validators=validators, vote=vote, round=round_number))


def _header(parent: Header | None, **fields: Any) -> Header:
    number = 0 if parent is None else parent.number + 1
    header: dict[str, Any] = {
        "number": number,
        "parent_hash": ZERO_HASH if parent is None else keccak256(parent.extra_data),
        "sha3_uncles": EMPTY_UNCLES_HASH,
        "miner": ZERO_ADDRESS,
        "state_root": EMPTY_ROOT,
        "transactions_root": EMPTY_ROOT,
        "receipts_root": EMPTY_ROOT,
        "logs_bloom": bytes(256),
        "difficulty": 1,
        "gas_limit": 30_000_000,
        "gas_used": 0,
        "timestamp": START_S + number * SECONDS,
        "extra_data": b"",
        "mix_hash": BFT_MIX_HASH,
        "nonce": bytes(8),
        "base_fee_per_gas": 0,
    }
    return Header(**header | fields)


def _seal(header: Header, consensus: Consensus, committers: tuple[bytes, ...]) -> Header:
    digest = seal_hash(header, consensus)
    seals = tuple(_signature(digest, KEYS[committer]) for committer in committers)
    if consensus is Consensus.QBFT:
        extra_data = encode_qbft(with_fields(decode_qbft(header.extra_data), seals=seals))
    elif consensus is Consensus.IBFT2:
        extra_data = encode_ibft2(with_fields(decode_ibft2(header.extra_data), seals=seals))
    else:
        extra_data = header.extra_data[: -len(seals[0])] + seals[0]
    return with_fields(header, extra_data=extra_data)


def _signature(digest: bytes, key: bytes) -> bytes:
    r, s, y_parity = sign(digest, key)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes((y_parity,))
