"""One call into a simulated contract: storage, events, gas, nested calls.

Contracts are Python functions behind real selectors, not EVM bytecode: what a caller can see of them (call
data, events, revert data, balances) is what Solidity would show. Gas is close to the real schedule.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from devnet.abi import selector, text_at
from devnet.state import Key, Overlay, code_of
from evm.primitives import Address, Hash32, keccak256

GAS_STORE_NEW, GAS_STORE, GAS_LOAD, GAS_CALL = 20_000, 2_900, 2_100, 2_600
GAS_LOG, GAS_LOG_TOPIC, GAS_LOG_BYTE = 375, 375, 8

Emitted = tuple[Address, tuple[Hash32, ...], bytes]


class Reverted(Exception):
    """The contract refused; `data` is what Solidity would return, possibly nothing."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = data
        super().__init__(f"execution reverted with {len(data)} bytes of data")

    @property
    def reason(self) -> str | None:
        """The text of Solidity's `Error(string)`, if that is what `data` is."""
        return text_at(self.data[4:], 0) if self.data[:4] == selector("Error(string)") else None


class OutOfGas(Exception):
    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"execution needs more than the {limit} gas it was given")


@dataclass
class Meter:
    limit: int
    used: int = 0

    def charge(self, amount: int) -> None:
        if self.used + amount > self.limit:
            self.used = self.limit
            raise OutOfGas(self.limit)
        self.used += amount


@dataclass
class Frame:
    """What a contract's function sees while it runs."""

    state: Overlay
    meter: Meter
    address: Address
    sender: Address
    value: int = 0
    logs: list[Emitted] = field(default_factory=list)

    def load(self, *slot: object) -> int:
        self.meter.charge(GAS_LOAD)
        return self.state.integer((self.address, *slot))

    def load_bytes(self, *slot: object) -> bytes:
        self.meter.charge(GAS_LOAD)
        value = self.state.read((self.address, *slot))
        return value if isinstance(value, bytes) else b""

    def store(self, value: int | bytes, *slot: object) -> None:
        key: Key = (self.address, *slot)
        self.meter.charge(GAS_STORE if self.state.read(key) else GAS_STORE_NEW)
        self.state.write(key, value)

    def emit(self, topics: tuple[Hash32, ...], data: bytes = b"") -> None:
        self.meter.charge(GAS_LOG + GAS_LOG_TOPIC * len(topics) + GAS_LOG_BYTE * len(data))
        self.logs.append((self.address, topics, data))

    def call(self, address: Address, data: bytes) -> bytes:
        """Call another contract in this one's name; its refusal is this one's refusal."""
        self.meter.charge(GAS_CALL)
        return run(replace(self, address=address, sender=self.address, value=0), data)


Function = Callable[[Frame, bytes], bytes]
Functions = Mapping[bytes, Function]

# keccak256(runtime code) -> functions by selector; filled by the modules that define contracts.
_contracts: dict[Hash32, Functions] = {}


def register(runtime_code: bytes, functions: Functions) -> None:
    """Make `runtime_code` behave as `functions`."""
    _contracts[keccak256(runtime_code)] = functions


def run(frame: Frame, data: bytes) -> bytes:
    """Run the code at the frame's address; an address without code accepts anything, as in the EVM."""
    code = frame.state.read(code_of(frame.address))
    if not isinstance(code, bytes):
        return b""
    function = _contracts[keccak256(code)].get(data[:4])
    if function is None or frame.value:
        raise Reverted  # no such function, or one that is not payable
    return function(frame, data[4:])
