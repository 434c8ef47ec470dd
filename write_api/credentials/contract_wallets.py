"""Contract wallets asked over JSON-RPC whether a signature is theirs (EIP-1271)."""

from typing import Final

from evm.primitives import Address, Hash32, to_hex
from node.client import NodeClient

# isValidSignature(bytes32,bytes); the answer yes is the same four bytes, padded to a word.
_SELECTOR: Final = bytes.fromhex("1626ba7e")
_YES: Final = to_hex(_SELECTOR + bytes(28))
# Enough for a multi-signature wallet of dozens; it also bounds what a contract can answer with.
_GAS_MAX: Final = 1_000_000
_WORD: Final = 32


class ContractWallets:
    """`await ContractWallets(node)(address, digest, signature)`; an address without code is a no.

    Raises what the node raises while it cannot be asked.
    """

    def __init__(self, node: NodeClient) -> None:
        self._node = node

    async def __call__(self, address: Address, digest: Hash32, signature: bytes) -> bool:
        call = {"to": to_hex(address), "data": to_hex(_call_data(digest, signature)), "gas": hex(_GAS_MAX)}
        # A revert, or gas that runs out, is the contract's answer: a refusal, which is no text.
        (answer,) = await self._node.call_each("eth_call", [[call, "latest"]])
        return isinstance(answer, str) and answer.lower() == _YES


def _call_data(digest: Hash32, signature: bytes) -> bytes:
    padded = signature + bytes(-len(signature) % _WORD)
    offset, length = (number.to_bytes(_WORD, "big") for number in (2 * _WORD, len(signature)))
    return _SELECTOR + digest + offset + length + padded
