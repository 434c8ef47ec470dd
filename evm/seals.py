"""What a header's extraData says about how it came to be: round, vote, validators and who sealed it."""

import msgspec

from evm.blocks import Header
from evm.consensus import Consensus, seal_hash
from evm.extra_data import MalformedExtraData, Vote, decode_clique, decode_ibft2, decode_qbft
from evm.primitives import ZERO_ADDRESS, Address
from evm.secp256k1 import InvalidSignature, recover

_CLIQUE_ADD_NONCE = b"\xff" * 8
_CLIQUE_IN_TURN_DIFFICULTY = 2  # EIP-225


class Sealed(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A header's consensus, its seals recovered."""

    number: int
    proposer: Address  # on Clique the signer; in block 0 whatever its miner field says
    round: int | None = None  # None where there are no rounds
    committers: tuple[Address, ...] = ()  # in the order of the seals; those no key can have made left out
    vote: Vote | None = None
    listed: tuple[Address, ...] = ()  # validators that the header names
    in_turn: bool | None = None  # Clique


def read_seals(header: Header, consensus: Consensus) -> Sealed | None:
    """Recovers every seal, 50 µs each, most of it without the GIL. None on Ethereum, where nobody seals.

    Raises MalformedExtraData, also for a Clique block whose signer cannot be told.
    """
    match consensus:
        case Consensus.QBFT | Consensus.IBFT2:
            return _read_bft(header, consensus)
        case Consensus.CLIQUE:
            return _read_clique(header)
        case Consensus.ETHEREUM:
            return None


def _read_bft(header: Header, consensus: Consensus) -> Sealed:
    decode = decode_qbft if consensus is Consensus.QBFT else decode_ibft2
    extra = decode(header.extra_data)
    return Sealed(
        number=header.number,
        proposer=header.miner,
        round=extra.round,
        committers=_recover_all(header, consensus, extra.seals),
        vote=extra.vote,
        listed=extra.validators,
    )


def _read_clique(header: Header) -> Sealed:
    extra = decode_clique(header.extra_data)
    if header.number == 0:
        return Sealed(number=0, proposer=header.miner, listed=extra.validators)
    signers = _recover_all(header, Consensus.CLIQUE, (extra.seal,))
    if not signers:
        raise MalformedExtraData("Clique", "no key can have made its seal")
    # A block that lists the signers is an epoch's first and carries no vote (EIP-225).
    votes = header.miner != ZERO_ADDRESS and not extra.validators
    return Sealed(
        number=header.number,
        proposer=signers[0],
        committers=signers,
        vote=(header.miner, header.nonce == _CLIQUE_ADD_NONCE) if votes else None,
        listed=extra.validators,
        in_turn=header.difficulty == _CLIQUE_IN_TURN_DIFFICULTY,
    )


def _recover_all(header: Header, consensus: Consensus, seals: tuple[bytes, ...]) -> tuple[Address, ...]:
    if not seals:
        return ()
    signed = seal_hash(header, consensus)
    committers: list[Address] = []
    for seal in seals:
        r, s = int.from_bytes(seal[:32], "big"), int.from_bytes(seal[32:64], "big")
        try:
            committers.append(recover(signed, r, s, seal[64]))
        except InvalidSignature:
            continue  # nobody's, so it proves nothing
    return tuple(committers)
