"""A block from its plan, its transactions and what they did: receipts, roots, bloom, gas, size."""

from collections.abc import Sequence
from dataclasses import dataclass

from devnet.machine import Outcome
from devnet.sealing import Plan
from evm.blocks import Block, Header, Log, Receipt, Transaction, Withdrawal
from evm.bloom import BLOOM_BYTES, bloom_bits
from evm.consensus import Consensus, header_fields, header_hash
from evm.envelopes import TYPE_LEGACY, encode_receipt, encode_transaction
from evm.primitives import EMPTY_ROOT, EMPTY_UNCLES_HASH, ZERO_HASH, Hash32
from evm.rlp import encode, encode_bytes, encode_int, wrap_list
from evm.tries import ordered_root, withdrawals_root

_NO_UNCLES = encode(())


@dataclass(frozen=True)
class Draft:
    """A block that lacks only its seals."""

    header: Header
    transactions: tuple[Transaction, ...] = ()
    receipts: tuple[Receipt, ...] = ()
    body: bytes = b""  # transactions as they stand in the block's RLP


def draft_genesis(plan: Plan, *, timestamp: int, gas_limit: int, state_root: Hash32) -> Draft:
    return Draft(_header(plan, None, timestamp, gas_limit, state_root))


def draft(
    parent: Block,
    plan: Plan,
    transactions: Sequence[Transaction],
    outcomes: Sequence[Outcome],
    *,
    timestamp: int,
    state_root: Hash32,
) -> Draft:
    """Everything of the next block but its seals."""
    receipts = _receipts(transactions, outcomes)
    envelopes = [encode_transaction(transaction) for transaction in transactions]
    header = _header(
        plan,
        parent,
        timestamp,
        parent.header.gas_limit,
        state_root,
        transactions_root=ordered_root(envelopes),
        receipts_root=ordered_root([encode_receipt(receipt) for receipt in receipts]),
        logs_bloom=_bloom(receipts),
        gas_used=receipts[-1].cumulative_gas_used if receipts else 0,
    )
    body = b"".join(
        envelope if transaction.type == TYPE_LEGACY else encode_bytes(envelope)
        for transaction, envelope in zip(transactions, envelopes, strict=True)
    )
    return Draft(header, tuple(transactions), receipts, body)


def finish(drafted: Draft, sealed: Header, plan: Plan, consensus: Consensus, parent: Block | None) -> Block:
    """The block, from its draft and its sealed header."""
    parent_weight = parent.total_difficulty if parent is not None else 0
    parts = encode(header_fields(sealed)) + wrap_list(drafted.body) + _NO_UNCLES
    if plan.withdrawals is not None:
        parts += encode([_withdrawal_items(withdrawal) for withdrawal in plan.withdrawals])
    return Block(
        header=sealed,
        hash=header_hash(sealed, consensus),
        transactions=drafted.transactions,
        receipts=drafted.receipts,
        size=len(wrap_list(parts)),
        # After the merge there is no difficulty to add up, and Besu leaves the total out.
        total_difficulty=(parent_weight or 0) + plan.difficulty if plan.difficulty else None,
        withdrawals=plan.withdrawals,
    )


def _withdrawal_items(withdrawal: Withdrawal) -> list[bytes]:
    numbers = (withdrawal.index, withdrawal.validator_index, withdrawal.amount)
    index, validator, amount = map(encode_int, numbers)
    return [index, validator, withdrawal.address, amount]


def _receipts(transactions: Sequence[Transaction], outcomes: Sequence[Outcome]) -> tuple[Receipt, ...]:
    receipts, cumulative, log_index = [], 0, 0
    for index, (transaction, outcome) in enumerate(zip(transactions, outcomes, strict=True)):
        cumulative += outcome.gas_used
        logs = tuple(
            Log(
                address=address,
                topics=topics,
                data=data,
                log_index=log_index + offset,
                transaction_index=index,
            )
            for offset, (address, topics, data) in enumerate(outcome.logs)
        )
        log_index += len(logs)
        receipts.append(
            Receipt(
                type=transaction.type,
                status=int(outcome.succeeded),
                cumulative_gas_used=cumulative,
                gas_used=outcome.gas_used,
                logs=logs,
                contract_address=outcome.contract_address,
                effective_gas_price=outcome.gas_price,
                revert_reason=outcome.revert_reason,
            )
        )
    return tuple(receipts)


def _bloom(receipts: Sequence[Receipt]) -> bytes:
    bits = 0
    for receipt in receipts:
        for log in receipt.logs:
            bits |= bloom_bits(log.address)
            for topic in log.topics:
                bits |= bloom_bits(topic)
    return bits.to_bytes(BLOOM_BYTES, "big")


def _header(
    plan: Plan,
    parent: Block | None,
    timestamp: int,
    gas_limit: int,
    state_root: Hash32,
    *,
    transactions_root: Hash32 = EMPTY_ROOT,
    receipts_root: Hash32 = EMPTY_ROOT,
    logs_bloom: bytes = bytes(BLOOM_BYTES),
    gas_used: int = 0,
) -> Header:
    merged = plan.withdrawals is not None
    return Header(
        number=0 if parent is None else parent.header.number + 1,
        parent_hash=ZERO_HASH if parent is None else parent.hash,
        sha3_uncles=EMPTY_UNCLES_HASH,
        miner=plan.miner,
        state_root=state_root,
        transactions_root=transactions_root,
        receipts_root=receipts_root,
        logs_bloom=logs_bloom,
        difficulty=plan.difficulty,
        gas_limit=gas_limit,
        gas_used=gas_used,
        timestamp=timestamp,
        extra_data=plan.extra_data,
        mix_hash=plan.mix_hash,
        nonce=plan.nonce,
        base_fee_per_gas=plan.base_fee_per_gas,
        withdrawals_root=None if plan.withdrawals is None else withdrawals_root(plan.withdrawals),
        blob_gas_used=0 if merged else None,
        excess_blob_gas=0 if merged else None,
        parent_beacon_block_root=plan.parent_beacon_block_root,
        requests_hash=plan.requests_hash,
    )
