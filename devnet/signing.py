"""Signed transactions from what an account wants done: legacy, EIP-2930 and EIP-1559."""

import random
from dataclasses import dataclass

from devnet.keys import KeyPair
from evm.blocks import AccessListEntry, Transaction
from evm.envelopes import TYPE_ACCESS_LIST, TYPE_DYNAMIC_FEE, TYPE_LEGACY, sign_transaction
from evm.primitives import Address

GAS_LIMIT = 500_000


@dataclass(frozen=True)
class Intent:
    """What an account wants done, before nonce, fee and signature."""

    sender: KeyPair
    to: Address | None
    data: bytes = b""
    value: int = 0
    gas_limit: int = GAS_LIMIT


def sign(
    intent: Intent, *, nonce: int, chain_id: int, base_fee: int | None, rng: random.Random
) -> Transaction:
    """Sign `intent` as one of the types that fit: fee-market ones only where there is a base fee."""
    types = (
        (TYPE_LEGACY, TYPE_ACCESS_LIST)
        if base_fee is None
        else (TYPE_LEGACY, TYPE_ACCESS_LIST, TYPE_DYNAMIC_FEE)
    )
    weights = (8, 2) if base_fee is None else (8, 3, 9)
    transaction_type = rng.choices(types, weights)[0]
    tip = rng.choice((0, 1, 1_000, 1_000_000_000))
    floor = base_fee or 0
    priced = transaction_type == TYPE_DYNAMIC_FEE
    unsigned = Transaction(
        type=transaction_type,
        to=intent.to,
        nonce=nonce,
        value=intent.value,
        gas_limit=intent.gas_limit,
        input=intent.data,
        # A few wallets still sign without a chain id (before EIP-155).
        chain_id=None if transaction_type == TYPE_LEGACY and rng.random() < 0.1 else chain_id,
        gas_price=None if priced else 2 * floor + tip,
        max_fee_per_gas=2 * floor + tip if priced else None,
        max_priority_fee_per_gas=tip if priced else None,
        access_list=None if transaction_type == TYPE_LEGACY else _access_list(intent, rng),
    )
    return sign_transaction(unsigned, intent.sender.private_key)


def _access_list(intent: Intent, rng: random.Random) -> tuple[AccessListEntry, ...]:
    # An entry costs gas, so an intent that counts its gas gets none.
    if intent.to is None or not intent.data or intent.gas_limit != GAS_LIMIT or rng.random() < 0.6:
        return ()
    keys = tuple(index.to_bytes(32, "big") for index in range(rng.randrange(3)))
    return (AccessListEntry(address=intent.to, storage_keys=keys),)
