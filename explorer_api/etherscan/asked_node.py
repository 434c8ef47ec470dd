"""The node, asked on a reader's behalf: checked first to be of the network that is indexed."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from explorer_api.etherscan.envelope import Refused
from explorer_api.reading import Explorer
from node.client import NodeClient
from postgres.queries import load

queries = load("etherscan")


@dataclass(slots=True)
class AskedNode:
    """`await node.call(…)`. Raises the errors of node.errors, and `Refused` where there is no node."""

    explorer: Explorer
    _is_verified: bool = False
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def call(self, method: str, params: Sequence[Any]) -> Any:
        client = await self._verified()
        return await client.call(method, params)

    async def _verified(self) -> NodeClient:
        client = self.explorer.node
        if client is None:
            raise Refused("Error! This explorer has no node to ask: its operator may set node.urls")
        async with self._lock:
            if not self._is_verified:
                async with self.explorer.reader.connection() as connection:
                    network = await queries.select_network.one(connection)
                if network is None:
                    raise Refused("Error! Nothing is indexed yet")
                await client.verify_network(int(network["chain_id"]), network["genesis_hash"])
                self._is_verified = True
        return client
