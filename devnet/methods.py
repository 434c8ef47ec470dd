"""The JSON-RPC methods of a Besu node over a simulated chain; each answers encoded JSON."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from devnet import errors
from devnet.answers import Answers, log_answer, receipt_answer, transaction_answer
from devnet.chain import Location
from devnet.filters import parse_filter
from devnet.frame import OutOfGas, Reverted
from devnet.keys import KeyPair
from devnet.machine import simulate
from devnet.state import Read, State, StateUnavailable, balance_of, code_of, nonce_of
from evm.blocks import Block
from evm.consensus import Consensus, validators
from evm.primitives import ZERO_ADDRESS, Address, Hash32, hex_to_bytes, hex_to_int

LOGS_RANGE_MAX = 5000
CLIENT_VERSION = "besu/v26.3.0/linux-x86_64/openjdk-java-21"  # what it speaks like
# Behind the head, in blocks, on Ethereum; elsewhere Besu knows no safe or finalized block.
SAFE_DEPTH, FINALIZED_DEPTH = 32, 64

encode = msgspec.json.Encoder().encode
NULL = b"null"

Params = list[Any]
Method = Callable[[Params], bytes]


class Chain(Protocol):
    """What the methods read: a `Devnet`, or one seen from somewhere else."""

    @property
    def consensus(self) -> Consensus: ...
    @property
    def chain_id(self) -> int: ...
    @property
    def validators(self) -> tuple[KeyPair, ...]: ...
    @property
    def head(self) -> Block: ...
    @property
    def state(self) -> State: ...
    def block(self, which: int | Hash32) -> Block | None: ...
    def is_canonical(self, block: Block) -> bool: ...
    def location(self, transaction_hash: Hash32) -> Location | None: ...


class Methods:
    """Besu's read methods, by name."""

    def __init__(self, devnet: Chain, answers: Answers) -> None:
        self._devnet = devnet
        self._answers = answers
        self.by_name: Mapping[str, Method] = {
            "eth_accounts": lambda _: b"[]",
            "eth_blockNumber": lambda _: encode(hex(devnet.head.header.number)),
            "eth_call": self._call,
            "eth_chainId": lambda _: encode(hex(devnet.chain_id)),
            "eth_gasPrice": self._gas_price,
            "eth_getBalance": self._balance,
            "eth_getBlockByHash": self._block_by_hash,
            "eth_getBlockByNumber": self._block_by_number,
            "eth_getBlockReceipts": self._block_receipts,
            "eth_getBlockTransactionCountByHash": self._count_by_hash,
            "eth_getBlockTransactionCountByNumber": self._count_by_number,
            "eth_getCode": self._code,
            "eth_getLogs": self._logs,
            "eth_getTransactionByHash": self._transaction,
            "eth_getTransactionCount": self._nonce,
            "eth_getTransactionReceipt": self._receipt,
            "eth_syncing": lambda _: b"false",
            "net_listening": lambda _: b"true",
            "net_peerCount": lambda _: encode(hex(len(devnet.validators) - 1)),
            "net_version": lambda _: encode(str(devnet.chain_id)),
            "web3_clientVersion": lambda _: encode(CLIENT_VERSION),
            **self._consensus_methods(),
        }

    def _consensus_methods(self) -> dict[str, Method]:
        match self._devnet.consensus:
            case Consensus.QBFT | Consensus.IBFT2:
                prefix = "qbft" if self._devnet.consensus is Consensus.QBFT else "ibft"
                return {
                    f"{prefix}_getValidatorsByBlockNumber": self._validators_by_number,
                    f"{prefix}_getValidatorsByBlockHash": self._validators_by_hash,
                }
            case Consensus.CLIQUE:
                return {"clique_getSigners": self._signers}
            case Consensus.ETHEREUM:
                return {}

    # --- blocks, transactions, receipts, logs

    def _block_by_number(self, params: Params) -> bytes:
        block = self._by_tag(_parameter(params, 0))
        return NULL if block is None else self._answers.block(block, full=_is_full(params))

    def _block_by_hash(self, params: Params) -> bytes:
        block = self._devnet.block(_hash(params, 0))
        return NULL if block is None else self._answers.block(block, full=_is_full(params))

    def _block_receipts(self, params: Params) -> bytes:
        block = self._by_tag_or_hash(_parameter(params, 0))
        return NULL if block is None else self._answers.receipts(block)

    def _count_by_number(self, params: Params) -> bytes:
        block = self._by_tag(_parameter(params, 0))
        return NULL if block is None else encode(hex(len(block.transactions)))

    def _count_by_hash(self, params: Params) -> bytes:
        block = self._devnet.block(_hash(params, 0))
        return NULL if block is None else encode(hex(len(block.transactions)))

    def _transaction(self, params: Params) -> bytes:
        location = self._devnet.location(_hash(params, 0))
        return NULL if location is None else encode(transaction_answer(location.block, location.index))

    def _receipt(self, params: Params) -> bytes:
        location = self._devnet.location(_hash(params, 0))
        return NULL if location is None else encode(receipt_answer(location.block, location.index))

    def _logs(self, params: Params) -> bytes:
        parameter = _parameter(params, 0)
        wanted = parse_filter(parameter)
        if "blockHash" in parameter:
            if "fromBlock" in parameter or "toBlock" in parameter:
                raise errors.invalid_params("Invalid filter params")
            block = self._devnet.block(_hash([parameter["blockHash"]], 0))
            if block is None:
                raise errors.block_not_found()
            return encode([log_answer(block, log) for log in wanted.select(block)])
        first, last = self._bounds(parameter)
        found = []
        for number in range(first, last + 1):
            block = self._devnet.block(number)
            assert block is not None  # the bounds are at most the head's number
            found += [log_answer(block, log) for log in wanted.select(block)]
        return encode(found)

    def _bounds(self, parameter: Mapping[str, Any]) -> tuple[int, int]:
        head = self._devnet.head.header.number
        first = self._number(parameter.get("fromBlock") or "latest")
        last = self._number(parameter.get("toBlock") or "latest")
        # Since Besu 26.1.0; earlier versions answered [].
        if first > last or last > head:
            raise errors.invalid_params("Invalid block range params")
        if last - first > LOGS_RANGE_MAX:
            raise errors.range_exceeded()
        return first, last

    # --- state

    def _balance(self, params: Params) -> bytes:
        address, read = _address(params, 0), self._state(params, 1)
        return encode(hex(_integer(read(balance_of(address)))))

    def _nonce(self, params: Params) -> bytes:
        address, read = _address(params, 0), self._state(params, 1)
        return encode(hex(_integer(read(nonce_of(address)))))

    def _code(self, params: Params) -> bytes:
        address, read = _address(params, 0), self._state(params, 1)
        code = read(code_of(address))
        return encode("0x" + code.hex() if isinstance(code, bytes) else "0x")

    def _call(self, params: Params) -> bytes:
        request, read = _parameter(params, 0), self._state(params, 1)
        if not isinstance(request, dict) or not request.get("to"):
            raise errors.invalid_params("Invalid call params")
        data = request.get("input") or request.get("data") or "0x"
        sender = _address([request.get("from") or "0x" + ZERO_ADDRESS.hex()], 0)
        try:
            answer = simulate(
                read, sender=sender, to=_address([request["to"]], 0), data=_bytes(data, "Invalid call params")
            )
        except Reverted as refusal:
            raise errors.execution_reverted(refusal.data, refusal.reason) from refusal
        except OutOfGas as refusal:
            raise errors.internal_error() from refusal
        return encode("0x" + answer.hex())

    def _gas_price(self, _: Params) -> bytes:
        return encode(hex((self._devnet.head.header.base_fee_per_gas or 0) + 1_000))

    # --- validators

    def _validators_by_number(self, params: Params) -> bytes:
        return self._validators_of(self._by_tag(_parameter(params, 0)))

    def _validators_by_hash(self, params: Params) -> bytes:
        return self._validators_of(self._devnet.block(_hash(params, 0)))

    def _validators_of(self, block: Block | None) -> bytes:
        if block is None:
            raise errors.internal_error()
        return encode(["0x" + address.hex() for address in validators(block.header, self._devnet.consensus)])

    def _signers(self, params: Params) -> bytes:
        if params and self._by_tag(params[0]) is None:
            raise errors.internal_error()
        return encode(["0x" + pair.address.hex() for pair in self._devnet.validators])

    # --- which block

    def _number(self, tag: object) -> int:
        head = self._devnet.head.header.number
        match tag:
            case "latest" | "pending":
                return head
            case "earliest":
                return 0
            case "safe" | "finalized":
                if self._devnet.consensus is not Consensus.ETHEREUM:
                    raise errors.unknown_block()
                return max(head - (SAFE_DEPTH if tag == "safe" else FINALIZED_DEPTH), 0)
            case str():
                try:
                    return hex_to_int(tag)
                except ValueError as error:
                    raise errors.invalid_params("Invalid block number params") from error
            case _:
                raise errors.invalid_params("Invalid block number params")

    def _by_tag(self, tag: object) -> Block | None:
        return self._devnet.block(self._number(tag))

    def _by_tag_or_hash(self, which: object) -> Block | None:
        """A tag, a number, a hash, or the object of EIP-1898."""
        if isinstance(which, dict):
            if "blockHash" in which:
                return self._devnet.block(_hash([which["blockHash"]], 0))
            return self._by_tag(which.get("blockNumber"))
        if isinstance(which, str) and len(which) == 66:
            return self._devnet.block(_hash([which], 0))
        return self._by_tag(which)

    def _state(self, params: Params, index: int) -> Read:
        block = self._by_tag_or_hash(params[index] if len(params) > index else "latest")
        if block is None:
            raise errors.block_not_found()
        if not self._devnet.is_canonical(block):
            raise errors.world_state_unavailable()
        try:
            return self._devnet.state.at(block.header.number)
        except StateUnavailable as error:
            raise errors.world_state_unavailable() from error


def _integer(value: int | bytes) -> int:
    assert isinstance(value, int)  # balances and nonces are never bytes
    return value


def _parameter(params: Params, index: int) -> Any:
    if index >= len(params):
        raise errors.invalid_params("Invalid number of params")
    return params[index]


def _is_full(params: Params) -> bool:
    full = _parameter(params, 1)
    if not isinstance(full, bool):
        raise errors.invalid_params("Invalid return complete transaction params")
    return full


def _bytes(value: object, fault: str, size: int | None = None) -> bytes:
    if not isinstance(value, str):
        raise errors.invalid_params(fault)
    try:
        data = hex_to_bytes(value)
    except ValueError as error:
        raise errors.invalid_params(fault) from error
    if size is not None and len(data) != size:
        raise errors.invalid_params(fault)
    return data


def _hash(params: Params, index: int) -> Hash32:
    return _bytes(_parameter(params, index), "Invalid hash params", 32)


def _address(params: Params, index: int) -> Address:
    return _bytes(_parameter(params, index), "Invalid address params", 20)
