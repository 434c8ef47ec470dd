"""Contract creation: which init code makes which simulated contract.

Init code is a creation preamble, the runtime code and ABI-encoded constructor arguments, as a compiler lays
it out; the bytes only mark the contract and cannot be run by a real EVM.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from devnet import abi, pools, tokens
from devnet.frame import Frame, Functions, Reverted, register
from devnet.state import code_of
from evm.primitives import Address, keccak256
from evm.rlp import encode, encode_int

_CREATION_PREAMBLE = bytes.fromhex("608060405234801561001057600080fd5b50")
_RUNTIME_PREAMBLE = bytes.fromhex("608060405234801561001057600080fd5b506004361061")
_RUNTIME_FILLER_HASHES = 12

GAS_CODE_BYTE = 200


class Kind(StrEnum):
    ERC20 = "erc20"
    ERC721 = "erc721"
    ERC1155 = "erc1155"
    POOL = "pool"


@dataclass(frozen=True)
class Contract:
    runtime_code: bytes
    functions: Functions
    initialise: Callable[[Frame, bytes], None]


def _runtime_code(kind: Kind) -> bytes:
    filler = b"".join(
        keccak256(f"pend devnet {kind} {part}".encode()) for part in range(_RUNTIME_FILLER_HASHES)
    )
    return _RUNTIME_PREAMBLE + filler


CONTRACTS = {
    Kind.ERC20: Contract(_runtime_code(Kind.ERC20), tokens.ERC20, tokens.initialise),
    Kind.ERC721: Contract(_runtime_code(Kind.ERC721), tokens.ERC721, tokens.initialise),
    Kind.ERC1155: Contract(_runtime_code(Kind.ERC1155), tokens.ERC1155, tokens.initialise),
    Kind.POOL: Contract(_runtime_code(Kind.POOL), pools.POOL, pools.initialise),
}
for _contract in CONTRACTS.values():
    register(_contract.runtime_code, _contract.functions)


def init_code(kind: Kind, name: str, symbol: str, decimals: int, last: int | Address) -> bytes:
    """Data of a transaction that creates a contract; `last` is a token's supply or a pool's asset."""
    name_tail = abi.text(name)
    head = abi.words(128, 128 + len(name_tail), decimals, last)
    return _CREATION_PREAMBLE + CONTRACTS[kind].runtime_code + head + name_tail + abi.text(symbol)


def contract_address(sender: Address, nonce: int) -> Address:
    """Where a creation by `sender` at `nonce` puts the contract, whether it succeeds or not."""
    return keccak256(encode([sender, encode_int(nonce)]))[12:]


def create(frame: Frame, code: bytes) -> None:
    """Run `code` as a constructor at the frame's address; unknown code reverts without a reason."""
    for contract in CONTRACTS.values():
        prefix = _CREATION_PREAMBLE + contract.runtime_code
        if code.startswith(prefix):
            contract.initialise(frame, code[len(prefix) :])
            frame.meter.charge(GAS_CODE_BYTE * len(contract.runtime_code))
            frame.state.write(code_of(frame.address), contract.runtime_code)
            return
    raise Reverted
