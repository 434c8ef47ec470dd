"""What a header's hash is, who proposed it and who sealed it, by its chain's consensus.

QBFT and IBFT2 hash a header without its seals, since nodes may have seen different ones; Clique and
Ethereum hash it as it stands.
"""

from enum import StrEnum
from typing import assert_never

from evm.blocks import Header
from evm.extra_data import (
    SEAL_BYTES,
    MalformedExtraData,
    decode_clique,
    decode_ibft2,
    decode_qbft,
    hashed_ibft2,
    hashed_qbft,
    is_ibft2,
)
from evm.primitives import ZERO_HASH, Address, Hash32, keccak256
from evm.rlp import Item, encode, encode_int
from evm.secp256k1 import recover

# The last 32 letters of "Istanbul practical byzantine fault tolerance"; every BFT header carries them.
BFT_MIX_HASH: Hash32 = b"ctical byzantine fault tolerance"

# What a Clique nonce may say: drop or no vote, add (EIP-225).
_CLIQUE_NONCES = (bytes(8), b"\xff" * 8)

_EXTRA_DATA, _MIX_HASH, _NONCE = 12, 13, 14  # places in header_fields


class Consensus(StrEnum):
    QBFT = "qbft"
    IBFT2 = "ibft2"
    CLIQUE = "clique"
    ETHEREUM = "ethereum"  # proof of work, beacon chain, or a single development node


def header_fields(header: Header) -> list[Item]:
    """The RLP items in order, up to the first fork field that the header lacks.

    A field after a missing one has no place in the list: Besu's BFT chains show blob fields without a
    withdrawals root from Cancun on, and leave them out of the hash (BlockHeader.writeTo).
    """
    fields: list[Item] = [
        header.parent_hash,
        header.sha3_uncles,
        header.miner,
        header.state_root,
        header.transactions_root,
        header.receipts_root,
        header.logs_bloom,
        encode_int(header.difficulty),
        encode_int(header.number),
        encode_int(header.gas_limit),
        encode_int(header.gas_used),
        encode_int(header.timestamp),
        header.extra_data,
        header.mix_hash,
        header.nonce,
    ]
    if header.base_fee_per_gas is None:
        return fields
    fields.append(encode_int(header.base_fee_per_gas))
    if header.withdrawals_root is None:
        return fields
    fields.append(header.withdrawals_root)
    if header.blob_gas_used is None or header.excess_blob_gas is None:
        return fields
    fields.append(encode_int(header.blob_gas_used))
    fields.append(encode_int(header.excess_blob_gas))
    for field in (header.parent_beacon_block_root, header.requests_hash, header.block_access_list_hash):
        if field is None:
            return fields
        fields.append(field)
    if header.slot_number is not None:
        fields.append(encode_int(header.slot_number))
    return fields


def header_hash(header: Header, consensus: Consensus) -> Hash32:
    """The block hash. BFT headers count without round and seals, except block 0, which has none."""
    fields = header_fields(header)
    if header.number > 0:
        match consensus:
            case Consensus.QBFT:
                fields[_EXTRA_DATA] = hashed_qbft(header.extra_data, with_round=False)
            case Consensus.IBFT2:
                fields[_EXTRA_DATA] = hashed_ibft2(header.extra_data, with_round=False)
            case Consensus.CLIQUE | Consensus.ETHEREUM:
                pass
            case _:
                assert_never(consensus)
    return keccak256(encode(fields))


def seal_hash(header: Header, consensus: Consensus) -> Hash32:
    """What the sealers sign: the header with its round but without the seals that make it valid.

    On Ethereum that is the hash ethash works on, without mix hash and nonce.
    """
    fields = header_fields(header)
    match consensus:
        case Consensus.QBFT:
            fields[_EXTRA_DATA] = hashed_qbft(header.extra_data, with_round=True)
        case Consensus.IBFT2:
            fields[_EXTRA_DATA] = hashed_ibft2(header.extra_data, with_round=True)
        case Consensus.CLIQUE:
            decode_clique(header.extra_data)
            fields[_EXTRA_DATA] = header.extra_data[:-SEAL_BYTES]
        case Consensus.ETHEREUM:
            del fields[_MIX_HASH : _NONCE + 1]
        case _:
            assert_never(consensus)
    return keccak256(encode(fields))


def detect_consensus(header: Header) -> Consensus:
    """The rule whose marks the header bears; `ETHEREUM` where it bears none."""
    if header.mix_hash == BFT_MIX_HASH:
        try:
            return Consensus.IBFT2 if is_ibft2(header.extra_data) else Consensus.QBFT
        except MalformedExtraData:
            pass
    if (
        header.difficulty in (1, 2)
        and header.nonce in _CLIQUE_NONCES
        and (header.mix_hash == ZERO_HASH or header.number == 0)  # a genesis file may say anything
        and _is_clique_extra(header.extra_data)
    ):
        return Consensus.CLIQUE
    return Consensus.ETHEREUM


def has_immediate_finality(consensus: Consensus) -> bool:
    """True where a block that is seen can never be replaced."""
    return consensus in (Consensus.QBFT, Consensus.IBFT2)


def proposer(header: Header, consensus: Consensus) -> Address:
    """Who made the block: the miner field, or on Clique the signer, since there miner names a vote."""
    if consensus is Consensus.CLIQUE and header.number > 0:
        return committers(header, consensus)[0]
    return header.miner


def round_number(header: Header, consensus: Consensus) -> int | None:
    """The round in which a BFT block was agreed on; None where there are no rounds."""
    match consensus:
        case Consensus.QBFT:
            return decode_qbft(header.extra_data).round
        case Consensus.IBFT2:
            return decode_ibft2(header.extra_data).round
        case Consensus.CLIQUE | Consensus.ETHEREUM:
            return None
        case _:
            assert_never(consensus)


def validators(header: Header, consensus: Consensus) -> tuple[Address, ...]:
    """Validators the header lists: none when a contract names them, nor on Clique between epochs."""
    match consensus:
        case Consensus.QBFT:
            return decode_qbft(header.extra_data).validators
        case Consensus.IBFT2:
            return decode_ibft2(header.extra_data).validators
        case Consensus.CLIQUE:
            return decode_clique(header.extra_data).validators
        case Consensus.ETHEREUM:
            return ()
        case _:
            assert_never(consensus)


def committers(header: Header, consensus: Consensus) -> tuple[Address, ...]:
    """Addresses whose keys sealed the header, in the order of the seals; block 0 has none."""
    match consensus:
        case Consensus.QBFT:
            seals = decode_qbft(header.extra_data).seals
        case Consensus.IBFT2:
            seals = decode_ibft2(header.extra_data).seals
        case Consensus.CLIQUE:
            seals = (decode_clique(header.extra_data).seal,) if header.number > 0 else ()
        case Consensus.ETHEREUM:
            seals = ()
        case _:
            assert_never(consensus)
    if not seals:
        return ()
    signed = seal_hash(header, consensus)
    return tuple(_signer(signed, seal) for seal in seals)


def _signer(signed: Hash32, seal: bytes) -> Address:
    r, s = int.from_bytes(seal[:32], "big"), int.from_bytes(seal[32:64], "big")
    return recover(signed, r, s, seal[64])


def _is_clique_extra(extra_data: bytes) -> bool:
    try:
        decode_clique(extra_data)
    except MalformedExtraData:
        return False
    return True
