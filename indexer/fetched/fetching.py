"""What a step of a worker works with: its own connections, so that none of it is in the head's way."""

from collections.abc import Callable
from dataclasses import dataclass

from indexer.fetched.contract_calls import ContractCalls
from indexer.fetched.pace import Pace
from indexer.settings import FetchedSection
from node.client import NodeClient
from postgres.connections import Connection


@dataclass(frozen=True, slots=True)
class Fetching:
    """`on_announced` hears of commits that have added to the outbox."""

    connection: Connection
    node: NodeClient
    contracts: ContractCalls
    pace: Pace
    settings: FetchedSection
    on_announced: Callable[[], None] = lambda: None
