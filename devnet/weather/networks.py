"""Answers that are right, but of another head, another branch or another network."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import cast

import msgspec

from devnet.chain import Change, Devnet, Location
from devnet.errors import RpcError
from devnet.faults import Call
from devnet.keys import KeyPair
from devnet.methods import Chain
from devnet.rpc import refusal
from devnet.state import State
from devnet.weather.fault import OnAnswer, Scene
from evm.blocks import Block
from evm.consensus import Consensus
from evm.primitives import Hash32

_encode = msgspec.json.Encoder().encode


class Behind:
    """A network as a node sees it that lacks its newest blocks."""

    def __init__(self, devnet: Devnet, blocks: int) -> None:
        self._devnet = devnet
        self._blocks = blocks

    @property
    def consensus(self) -> Consensus:
        return self._devnet.consensus

    @property
    def chain_id(self) -> int:
        return self._devnet.chain_id

    @property
    def validators(self) -> tuple[KeyPair, ...]:
        return self._devnet.validators

    @property
    def state(self) -> State:
        return self._devnet.state

    @property
    def head(self) -> Block:
        return present(self._devnet, max(self._devnet.head.header.number - self._blocks, 0))

    def block(self, which: int | Hash32) -> Block | None:
        block = self._devnet.block(which)
        return block if block is not None and self._knows(block) else None

    def is_canonical(self, block: Block) -> bool:
        return self._knows(block) and self._devnet.is_canonical(block)

    def location(self, transaction_hash: Hash32) -> Location | None:
        location = self._devnet.location(transaction_hash)
        return location if location is not None and self._knows(location.block) else None

    def _knows(self, block: Block) -> bool:
        return block.header.number <= self.head.header.number


def present(devnet: Devnet, which: int | Hash32) -> Block:
    """A block that is known to exist."""
    block = devnet.block(which)
    assert block is not None  # numbers up to the head and hashes of parents always are
    return block


class FromElsewhere(OnAnswer):
    """What a node answers that sees another chain."""

    @abstractmethod
    def see(self, devnet: Devnet) -> Chain: ...

    def is_about(self, call: Call) -> bool:  # noqa: ARG002
        return True

    def follow(self, seen: Chain, devnet: Devnet) -> None:
        """Let what is seen keep up with the network, where it does not by itself."""

    def spoil(self, call: Call, answer: bytes, scene: Scene) -> bytes | None:  # noqa: ARG002
        if not self.is_about(call):
            return None
        chain, methods = scene.elsewhere(self, self.see)
        method = methods.by_name.get(call.method)
        if method is None:
            return None
        self.follow(chain, scene.devnet)
        try:
            result = method(call.params)
        except RpcError as error:
            return refusal(error, call.id)
        return b'{"jsonrpc":"2.0","id":' + _encode(call.id) + b',"result":' + result + b"}"


@dataclass(frozen=True)
class HeadBack(FromElsewhere):
    """The head is said to be `behind` blocks back, though the blocks above it are still served."""

    name = "head_back"
    behind: int = 3

    def see(self, devnet: Devnet) -> Chain:
        return Behind(devnet, self.behind)

    def is_about(self, call: Call) -> bool:
        return call.method == "eth_blockNumber" or (
            call.method == "eth_getBlockByNumber" and call.params[:1] in (["latest"], ["pending"])
        )


@dataclass(frozen=True)
class Lagging(FromElsewhere):
    """The node lacks the newest `behind` blocks: it knows nothing of them by number, hash or transaction."""

    name = "lagging"
    behind: int = 3

    def see(self, devnet: Devnet) -> Chain:
        return Behind(devnet, self.behind)


@dataclass(frozen=True)
class OtherBranch(FromElsewhere):
    """The node follows a branch of its own, which parted `depth` blocks below the head when first asked."""

    name = "other_branch"
    passing = False
    depth: int = 3

    def see(self, devnet: Devnet) -> Chain:
        depth_max = devnet.head.header.number - devnet.state.oldest
        depth = min(self.depth, depth_max)
        return devnet.split(depth, depth) if depth else devnet

    def follow(self, seen: Chain, devnet: Devnet) -> None:
        if seen is not devnet:
            branch = cast("Devnet", seen)
            branch.advance(max(devnet.head.header.number - branch.head.header.number, 0))


@dataclass(frozen=True)
class OtherChainId(OnAnswer):
    """The chain id of another network; blocks stay the same."""

    name = "other_chain_id"
    passing = False
    chain_id: int = 1

    def spoil(self, call: Call, answer: bytes, scene: Scene) -> bytes | None:  # noqa: ARG002
        match call.method:
            case "eth_chainId":
                result = hex(self.chain_id)
            case "net_version":
                result = str(self.chain_id)
            case _:
                return None
        return _encode({"jsonrpc": "2.0", "id": call.id, "result": result})


@dataclass(frozen=True)
class ResetNetwork(FromElsewhere):
    """The same chain id over another genesis, `history` blocks ago: the network was made anew."""

    name = "reset_network"
    passing = False
    history: int = 5

    def see(self, devnet: Devnet) -> Chain:
        return devnet.reset(history_blocks=self.history)


def change_between(devnet: Devnet, old: Block, new: Block) -> Change:
    """The way from one head to another: blocks taken away, newest first, then added, oldest first."""
    removed: list[Block] = []
    added: list[Block] = []
    while old.hash != new.hash:
        if old.header.number >= new.header.number:
            removed.append(old)
            old = present(devnet, old.header.parent_hash)
        else:
            added.append(new)
            new = present(devnet, new.header.parent_hash)
    return Change(tuple(removed), tuple(reversed(added)))
