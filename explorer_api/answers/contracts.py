"""Contracts: where they come from, what stands there, what runs, and by which ABIs they are read."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from explorer_api.answers.addresses import ContractCode, Creation, NativeBalance
from explorer_api.answers.token_transfers import Standard

ContractOrder = Literal["newest", "oldest"]
Scope = Literal["contract", "implementation", "factory", "everywhere", "built_in"]


class ContractSummary(msgspec.Struct, forbid_unknown_fields=True):
    """A contract as lists show it. Counts are over the blocks that meta.complete names."""

    address: str
    label: str | None
    """The name of the newest ABI registered for it or by its factory, else its token's symbol."""
    first_block: int
    """The first block in which it behaved as a contract: was created, or emitted a log."""
    first_seen: datetime | None
    creation: Creation | None
    """Null: not created by a transaction itself, or before the first derived block."""
    code_kind: Literal["none", "contract", "clone", "delegation"] | None
    """Null: not asked yet."""
    code_size: int | None
    transaction_count: int
    token_transfer_count: int
    log_count: int
    standards: list[Standard]
    """What it is as a token, by the events it has emitted."""


class ProxyChange(msgspec.Struct, forbid_unknown_fields=True):
    """From this log on the proxy pointed to `target` (EIP-1967)."""

    block_number: int
    transaction_index: int
    log_index: int
    kind: Literal["implementation", "beacon"]
    target: str


class Proxy(msgspec.Struct, forbid_unknown_fields=True):
    """A contract that runs the code of another one."""

    kind: Literal["implementation", "beacon", "clone"]
    """By which means: its own pointer, a beacon, or as a clone (EIP-1167)."""
    beacon: str | None
    implementation: str | None
    """Whose code runs; null where a beacon has not said."""
    history: list[ProxyChange]
    """The newest first, 100 at most."""
    more_history: bool


class FactoryOrigin(msgspec.Struct, forbid_unknown_fields=True):
    """The log by which a factory announced the contract."""

    factory: str
    block_number: int
    log_index: int


class AbiName(msgspec.Struct, forbid_unknown_fields=True):
    """An ABI by which the logs and calls of the contract are read now; earlier ones come first."""

    name: str
    scope: Scope
    """contract: registered for it; implementation: for what it runs; factory: for the children of its
    factory; everywhere: for every contract; built_in: shipped, and read some of its first events."""
    of: str | None
    """The contract or factory that it is registered for."""
    from_block: int
    """Lower blocks are not read by it."""


class Abi(AbiName, forbid_unknown_fields=True):
    """An ABI with its entries."""

    entries: list[dict[str, Any]]
    """Events, functions and errors, as Solidity's compiler writes them."""


class ContractAbis(msgspec.Struct, forbid_unknown_fields=True):
    """All ABIs in force for a contract."""

    address: str
    abis: list[Abi]


class Contract(ContractSummary, forbid_unknown_fields=True):
    """A contract with what is known of it."""

    native: NativeBalance | None
    """Null: not asked yet."""
    code: ContractCode | None
    """Null: not asked yet."""
    proxy: Proxy | None
    factory: FactoryOrigin | None
    abis: list[AbiName]


class ContractEvent(msgspec.Struct, forbid_unknown_fields=True):
    """A log of the contract, as an ABI reads it."""

    block_number: int
    log_index: int
    transaction_index: int
    transaction_hash: str
    timestamp: datetime
    abi: str
    name: str
    signature: str
    arguments: dict[str, Any] | list[Any] | None
    """By name; null where the bytes are not what the event says."""
    undecodable: str | None
    """Why the bytes are not what the event says."""
    final: bool


class Interaction(msgspec.Struct, forbid_unknown_fields=True):
    """A transaction that called the contract."""

    block_number: int
    transaction_index: int
    transaction_hash: str
    timestamp: datetime
    wallet: str
    """Who sent it."""
    value: str
    selector: str | None
    """Null where there are fewer than four bytes of input."""
    method: str | None
    """Null where no ABI knows it."""
    signature: str | None
    arguments: dict[str, Any] | list[Any] | None
    outcome: Literal["succeeded", "failed", "unknown"]
    """unknown: before Byzantium receipts do not say."""
    error: str | None
    """The reason or the custom error of a failed one."""
    gas_used: int
    final: bool
