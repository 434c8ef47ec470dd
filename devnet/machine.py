"""What one transaction does to the state, and what a call would answer."""

from dataclasses import dataclass

from devnet.abi import AbiError
from devnet.deployments import contract_address, create
from devnet.frame import Emitted, Frame, Meter, OutOfGas, Reverted, run
from devnet.state import Overlay, Read, State, balance_of, nonce_of
from evm.blocks import Transaction
from evm.primitives import ZERO_ADDRESS, Address

GAS_TRANSACTION, GAS_CREATE = 21_000, 32_000
GAS_ZERO_BYTE, GAS_DATA_BYTE = 4, 16
GAS_ACCESS_ADDRESS, GAS_ACCESS_KEY = 2_400, 1_900  # EIP-2930

CALL_GAS_MAX = 50_000_000


@dataclass(frozen=True)
class Outcome:
    """What a transaction did; `contract_address` is set for failed creations too, as Besu derives it."""

    succeeded: bool
    gas_used: int
    gas_price: int
    logs: tuple[Emitted, ...]
    contract_address: Address | None
    revert_reason: bytes | None


class NotIncludable(Exception):
    """A transaction no block may hold now: its nonce, its fee or its sender's balance forbids it."""

    def __init__(self, transaction: Transaction, problem: str) -> None:
        self.transaction = transaction
        self.problem = problem
        super().__init__(f"transaction 0x{transaction.hash.hex()} cannot be included: {problem}")


def intrinsic_gas(transaction: Transaction) -> int:
    """What a transaction costs before anything runs."""
    zeros = transaction.input.count(0)
    gas = GAS_TRANSACTION + GAS_ZERO_BYTE * zeros + GAS_DATA_BYTE * (len(transaction.input) - zeros)
    if transaction.to is None:
        gas += GAS_CREATE
    for entry in transaction.access_list or ():
        gas += GAS_ACCESS_ADDRESS + GAS_ACCESS_KEY * len(entry.storage_keys)
    return gas


def effective_gas_price(transaction: Transaction, base_fee: int) -> int:
    """What the sender pays for each unit of gas (EIP-1559)."""
    if transaction.max_fee_per_gas is None:
        return transaction.gas_price or 0
    return min(transaction.max_fee_per_gas, base_fee + (transaction.max_priority_fee_per_gas or 0))


def execute(transaction: Transaction, state: State, *, base_fee: int, beneficiary: Address) -> Outcome:
    """Apply `transaction` to `state`; raises `NotIncludable` and changes nothing if no block may hold it."""
    sender, price = transaction.sender, effective_gas_price(transaction, base_fee)
    intrinsic = intrinsic_gas(transaction)
    _require_includable(transaction, state, price, base_fee, intrinsic)

    overlay = Overlay(state.read)
    meter = Meter(transaction.gas_limit, intrinsic)
    created = contract_address(sender, transaction.nonce) if transaction.to is None else None
    frame = Frame(overlay, meter, transaction.to or created or ZERO_ADDRESS, sender, transaction.value)
    succeeded, reason = True, None
    try:
        overlay.add(balance_of(sender), -transaction.value)
        overlay.add(balance_of(frame.address), transaction.value)
        if created is not None:
            overlay.write(nonce_of(created), 1)  # EIP-161
            create(frame, transaction.input)
        else:
            run(frame, transaction.input)
    except (Reverted, AbiError, OutOfGas) as refusal:
        succeeded, reason = False, refusal.data or None if isinstance(refusal, Reverted) else None
        overlay = Overlay(state.read)

    fee = meter.used * price
    overlay.write(nonce_of(sender), transaction.nonce + 1)
    overlay.add(balance_of(sender), -fee)
    if price > base_fee:  # the base fee is burnt
        overlay.add(balance_of(beneficiary), meter.used * (price - base_fee))
    state.apply(overlay.writes)
    logs = tuple(frame.logs) if succeeded else ()
    return Outcome(succeeded, meter.used, price, logs, created, reason)


def simulate(read: Read, *, sender: Address, to: Address, data: bytes) -> bytes:
    """What `eth_call` answers in the state behind `read`; raises `Reverted` or `OutOfGas`."""
    frame = Frame(Overlay(read), Meter(CALL_GAS_MAX, GAS_TRANSACTION), to, sender)
    try:
        return run(frame, data)
    except AbiError as error:
        raise Reverted from error


def _require_includable(
    transaction: Transaction, state: State, price: int, base_fee: int, intrinsic: int
) -> None:
    nonce = state.integer(nonce_of(transaction.sender))
    if transaction.nonce != nonce:
        raise NotIncludable(transaction, f"nonce {transaction.nonce}, expected {nonce}")
    if price < base_fee:
        raise NotIncludable(transaction, f"pays {price} wei per gas, the base fee is {base_fee}")
    if transaction.gas_limit < intrinsic:
        raise NotIncludable(transaction, f"gas limit {transaction.gas_limit}, needs {intrinsic} at least")
    cap = transaction.max_fee_per_gas or price
    cost, balance = (
        transaction.value + transaction.gas_limit * cap,
        state.integer(balance_of(transaction.sender)),
    )
    if balance < cost:
        raise NotIncludable(transaction, f"may cost {cost} wei, its sender has {balance}")
