"""Signed envelopes of transactions and receipts (EIP-2718), as they enter tries and hashes.

Types: 0 legacy (EIP-155), 1 access list (EIP-2930), 2 dynamic fee (EIP-1559), 3 blob (EIP-4844),
4 set code (EIP-7702).
"""

from msgspec.structs import replace

from evm.blocks import AccessListEntry, Authorization, Receipt, Transaction
from evm.primitives import Address, Hash32, keccak256
from evm.rlp import Item, encode, encode_int
from evm.secp256k1 import InvalidSignature, address_of, recover, sign

TYPE_LEGACY, TYPE_ACCESS_LIST, TYPE_DYNAMIC_FEE, TYPE_BLOB, TYPE_SET_CODE = range(5)

_REQUIRED = {
    TYPE_LEGACY: ("gas_price",),
    TYPE_ACCESS_LIST: ("chain_id", "gas_price"),
    TYPE_DYNAMIC_FEE: ("chain_id", "max_priority_fee_per_gas", "max_fee_per_gas"),
    TYPE_BLOB: (
        "chain_id",
        "max_priority_fee_per_gas",
        "max_fee_per_gas",
        "max_fee_per_blob_gas",
        "blob_versioned_hashes",
        "to",
    ),
    TYPE_SET_CODE: ("chain_id", "max_priority_fee_per_gas", "max_fee_per_gas", "authorization_list", "to"),
}


class UnknownTransactionType(ValueError):
    """A type whose envelope is not known here: its hash and root cannot be recomputed."""

    def __init__(self, type: int) -> None:  # noqa: A002  # the field's name in every specification
        super().__init__(f"transaction type {type:#x} has no known envelope: types 0x0 to 0x4 have one")
        self.type = type


class IncompleteTransaction(ValueError):
    """A transaction without a field that its type requires."""

    def __init__(self, type: int, field: str, transaction_hash: Hash32) -> None:  # noqa: A002
        super().__init__(f"transaction 0x{transaction_hash.hex()} of type {type:#x} has no {field}")
        self.type = type
        self.field = field
        self.transaction_hash = transaction_hash


def encode_transaction(transaction: Transaction) -> bytes:
    """The bytes whose keccak is the transaction's hash and that the transactions root is made of."""
    fields = _unsigned_fields(transaction)
    fields += (encode_int(transaction.v), encode_int(transaction.r), encode_int(transaction.s))
    return _envelope(transaction.type, fields)


def transaction_hash(transaction: Transaction) -> Hash32:
    return keccak256(encode_transaction(transaction))


def signing_hash(transaction: Transaction) -> Hash32:
    """What the sender signed. On a legacy transaction v says whether the chain id belongs to it (EIP-155)."""
    fields = _unsigned_fields(transaction)
    if transaction.type == TYPE_LEGACY:
        chain_id = _signed_chain_id(transaction)
        if chain_id is not None:
            fields += (encode_int(chain_id), b"", b"")
    return keccak256(_envelope(transaction.type, fields))


def recover_sender(transaction: Transaction) -> Address:
    """Address whose key signed the transaction; `InvalidSignature` where none can have."""
    v = transaction.v
    if transaction.type != TYPE_LEGACY:
        y_parity = v
    elif v in (27, 28):
        y_parity = v - 27
    elif v >= 35:
        y_parity = (v - 35) % 2
    else:
        raise InvalidSignature(
            f"v={v} on a legacy transaction: 27, 28 or at least 35 (EIP-155)",
            transaction.r,
            transaction.s,
            v,
        )
    return recover(signing_hash(transaction), transaction.r, transaction.s, y_parity)


def sign_transaction(transaction: Transaction, private_key: bytes) -> Transaction:
    """The same transaction with sender, signature and hash; a legacy one by EIP-155 if it has a chain id."""
    unsigned = replace(transaction, v=0, r=0, s=0)
    r, s, y_parity = sign(signing_hash(unsigned), private_key)
    v = y_parity
    if transaction.type == TYPE_LEGACY:
        v += 27 if transaction.chain_id is None else 35 + 2 * transaction.chain_id
    signed = replace(transaction, v=v, r=r, s=s, sender=address_of(private_key))
    return replace(signed, hash=transaction_hash(signed))


def encode_receipt(receipt: Receipt) -> bytes:
    """The bytes that the receipts root is made of; status since EIP-658, state root before."""
    outcome = receipt.root
    if outcome is None:
        if receipt.status is None:
            raise ValueError("a receipt has neither status nor root: it cannot be encoded")
        outcome = encode_int(receipt.status)
    logs = tuple((log.address, log.topics, log.data) for log in receipt.logs)
    fields = (outcome, encode_int(receipt.cumulative_gas_used), receipt.logs_bloom, logs)
    if receipt.type not in _REQUIRED:
        raise UnknownTransactionType(receipt.type)
    return _envelope(receipt.type, fields)


def _envelope(type: int, fields: tuple[Item, ...]) -> bytes:  # noqa: A002
    body = encode(fields)
    return body if type == TYPE_LEGACY else bytes((type,)) + body


def _unsigned_fields(transaction: Transaction) -> tuple[Item, ...]:
    required = _REQUIRED.get(transaction.type)
    if required is None:
        raise UnknownTransactionType(transaction.type)
    for field in required:
        if getattr(transaction, field) is None:
            raise IncompleteTransaction(transaction.type, field, transaction.hash)
    call = (transaction.to or b"", encode_int(transaction.value), transaction.input)
    nonce = encode_int(transaction.nonce)
    gas_limit = encode_int(transaction.gas_limit)
    if transaction.type == TYPE_LEGACY:
        return (nonce, encode_int(transaction.gas_price or 0), gas_limit, *call)
    chain_id = encode_int(transaction.chain_id or 0)
    access_list = _access_list_items(transaction.access_list or ())
    if transaction.type == TYPE_ACCESS_LIST:
        return (chain_id, nonce, encode_int(transaction.gas_price or 0), gas_limit, *call, access_list)
    fees = (
        encode_int(transaction.max_priority_fee_per_gas or 0),
        encode_int(transaction.max_fee_per_gas or 0),
    )
    fields: tuple[Item, ...] = (chain_id, nonce, *fees, gas_limit, *call, access_list)
    if transaction.type == TYPE_BLOB:
        fee = encode_int(transaction.max_fee_per_blob_gas or 0)
        return (*fields, fee, transaction.blob_versioned_hashes or ())
    if transaction.type == TYPE_SET_CODE:
        return (*fields, _authorization_items(transaction.authorization_list or ()))
    return fields


def _signed_chain_id(transaction: Transaction) -> int | None:
    if transaction.v == 0:
        return transaction.chain_id  # not signed yet
    return (transaction.v - 35) // 2 if transaction.v >= 35 else None


def _access_list_items(entries: tuple[AccessListEntry, ...]) -> tuple[Item, ...]:
    return tuple((entry.address, entry.storage_keys) for entry in entries)


def _authorization_items(authorizations: tuple[Authorization, ...]) -> tuple[Item, ...]:
    return tuple(
        (
            encode_int(authorization.chain_id),
            authorization.address,
            encode_int(authorization.nonce),
            encode_int(authorization.y_parity),
            encode_int(authorization.r),
            encode_int(authorization.s),
        )
        for authorization in authorizations
    )
