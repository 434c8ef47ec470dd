"""Contracts that nobody here wrote, deployed to a real node and called through web3.

The compiled artifacts come from the npm packages locked in `packages/`; sending goes through the
node's unlocked development accounts, so what is on chain owes nothing to our own codecs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from eth_typing import ChecksumAddress
from web3 import HTTPProvider, Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.types import RPCEndpoint, TxParams, TxReceipt

from tests.anvil import PACKAGES, Anvil

OPENZEPPELIN = "@openzeppelin/contracts/build/contracts"
UNISWAP = "@uniswap/v2-core/build"

# Given with every call: an estimate would refuse the transactions that are meant to fail.
GAS_LIMIT = 6_000_000


@cache
def artifact(folder: str, name: str) -> Mapping[str, Any]:
    """ABI and creation code as the package's own compiler left them."""
    compiled = json.loads((PACKAGES / "node_modules" / folder / f"{name}.json").read_text())
    return {"abi": compiled["abi"], "bytecode": compiled["bytecode"]}


@dataclass(frozen=True)
class Chain:
    """A node as a driver of contracts sees it: accounts, sending, mining and undoing."""

    web3: Web3
    accounts: tuple[ChecksumAddress, ...]

    def sent_from(self, account: int, **fields: Any) -> TxParams:
        return cast("TxParams", {"from": self.accounts[account], "gas": GAS_LIMIT, **fields})

    def deploy(self, folder: str, name: str, *arguments: Any) -> Contract:
        """Create the contract from the first account and return it at its address."""
        compiled = artifact(folder, name)
        factory = self.web3.eth.contract(abi=compiled["abi"], bytecode=compiled["bytecode"])
        receipt = self.mined(factory.constructor(*arguments).transact(self.sent_from(0)))
        address = receipt["contractAddress"]
        assert address is not None, f"{name} was not created: {receipt!r}"
        return self.contract(folder, name, address)

    def contract(self, folder: str, name: str, address: ChecksumAddress) -> Contract:
        """The ABI of one contract bound to an address, its own or a proxy's."""
        return self.web3.eth.contract(address=address, abi=artifact(folder, name)["abi"])

    def send(self, call: ContractFunction, account: int = 0, **fields: Any) -> bytes:
        """Hand the call to the node without waiting for a block."""
        return bytes(call.transact(self.sent_from(account, **fields)))

    def succeed(self, call: ContractFunction, account: int = 0, **fields: Any) -> TxReceipt:
        receipt = self.mined(self.send(call, account, **fields))
        assert receipt["status"] == 1, f"{call.fn_name} failed: {receipt!r}"
        return receipt

    def fail(self, call: ContractFunction, account: int = 0, **fields: Any) -> TxReceipt:
        receipt = self.mined(self.send(call, account, **fields))
        assert receipt["status"] == 0, f"{call.fn_name} was meant to fail: {receipt!r}"
        return receipt

    def mined(self, transaction_hash: bytes) -> TxReceipt:
        return self.web3.eth.wait_for_transaction_receipt(transaction_hash, timeout=20)  # type: ignore[arg-type]

    def head(self) -> int:
        return int(self.web3.eth.block_number)

    def mine(self, blocks: int = 1) -> None:
        for _ in range(blocks):
            self.request("evm_mine")

    def reorg(self, depth: int, transactions: list[Any] | None = None) -> None:
        """Replace the newest `depth` blocks by as many others: `[[transaction, offset], …]` in them."""
        self.request("anvil_reorg", depth, transactions or [])

    @contextmanager
    def one_block(self) -> Iterator[None]:
        """Everything sent inside goes into one block."""
        self.request("evm_setAutomine", False)
        try:
            yield
            self.mine()
        finally:
            self.request("evm_setAutomine", True)

    def request(self, method: str, *parameters: Any) -> Any:
        answer = self.web3.provider.make_request(RPCEndpoint(method), list(parameters))
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]


def connected(node: Anvil) -> Chain:
    web3 = Web3(HTTPProvider(node.http_url))
    return Chain(web3, tuple(web3.eth.accounts))
