"""JSON-RPC to any EVM node: several endpoints in order of preference, retries, deadlines.

Every operation runs whole on one endpoint. What one cannot do the next is asked at once, and after the last
those that may be are asked again with growing, jittered waits until the deadline.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp
import msgspec
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_before_delay,
    wait_random_exponential,
)
from yarl import URL

from node import block_parts
from node.block_parts import UnreadBlock
from node.endpoint import Endpoint
from node.endpoints import Endpoints
from node.errors import BlockMissing, NodeError, NodeInconsistent, NodeRetryable
from node.jsonrpc import HASHES
from node.login import TokenSource, token_source
from node.observer import NodeObserver, SilentObserver
from node.refusals import ANYTHING, Refusable, Refusal, call_each
from node.settings import NodeSettings
from node.transport import open_session
from node.wire import FetchedBlock, WireHeader

__all__ = ["NodeClient", "NodeObserver", "NodeSettings", "SilentObserver"]

T = TypeVar("T")


class NodeClient:
    """`async with NodeClient(settings, observer) as node:` opens and closes its connections."""

    def __init__(self, settings: NodeSettings, observer: NodeObserver | None = None) -> None:
        self.settings = settings
        self.observer: NodeObserver = observer or SilentObserver()
        self._session: aiohttp.ClientSession | None = None
        self._ws_tokens: TokenSource | None = None
        self._endpoints = Endpoints((), self.settings, self.observer)

    async def __aenter__(self) -> Self:
        session = self._session = open_session(self.settings)
        urls = self.settings.urls
        opened = [Endpoint(url, self.settings, session, self.observer) for url in urls]
        self._endpoints = Endpoints(opened, self.settings, self.observer)
        if self.settings.ws_url is not None:
            self._ws_tokens = token_source(self.settings, session, URL(self.settings.ws_url))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._session is not None
        await self._endpoints.close()
        await self._session.close()

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """In the order of the settings, whatever their health."""
        return self._endpoints.all

    @property
    def endpoint(self) -> str:
        """Host of the endpoint that the next operation is asked of first."""
        return self._endpoints.preferred.host

    async def verify_network(self, chain_id: int, genesis_hash: str, *, every: bool = False) -> None:
        """Require this network of every endpoint from now on (invariant 9).

        Raises WrongChain or WrongGenesis if no endpoint serves it, or with `every` if any serves another.
        One that is foreign or cannot be reached is checked again later, and before it is used; so is each
        one after a failure and every `health_interval_s`, for what is behind an address may be replaced.
        """
        await self._retrying(
            "verify_network", lambda: self._endpoints.verify(chain_id, genesis_hash, every=every)
        )

    async def check_agreement(self, number: int, *, finalized: int) -> bool:
        """Whether the endpoints that know block `number` give it one hash; told to the observer if not.

        Raises EndpointsDisagree if the block is not above `finalized`. What an endpoint cannot say now does
        not count: never raises for waiting to mend.
        """
        return await self._endpoints.check_agreement(number, finalized)

    async def chain_id(self) -> int:
        return await self._run("eth_chainId", Endpoint.fetch_chain_id)

    async def genesis_hash(self) -> str:
        return await self._run("eth_getBlockByNumber", Endpoint.fetch_genesis_hash)

    async def head_number(self) -> int:
        return await self._run("eth_blockNumber", Endpoint.fetch_head_number)

    async def fetch_header(self, block: int | str) -> WireHeader | None:
        """The checked header of a number or a tag such as "latest"; None where there is none."""
        return await self._find("eth_getBlockByNumber", lambda on: block_parts.fetch_header(on, block))

    async def fetch_header_by_hash(self, block_hash: str) -> WireHeader | None:
        return await self._find("eth_getBlockByHash", lambda on: block_parts.fetch_header(on, block_hash))

    async def fetch_blocks(self, numbers: Sequence[int], *, full: bool) -> list[FetchedBlock]:
        """Checked blocks with receipts, in the order of `numbers`, all from one endpoint (invariant 5).

        Says nothing about links between blocks. Raises what is left when the deadline has passed:
        BlockMissing where a number is null, NodeInconsistent where parts keep disagreeing.
        """
        if not numbers:
            return []
        alone = len(numbers) == 1
        try:
            return await self._retrying(
                "eth_getBlockByNumber",
                lambda: self._endpoints.run(
                    "eth_getBlockByNumber", lambda on: block_parts.fetch_numbered(on, numbers, full=full)
                ),
                inconsistent_retries_max=self.settings.inconsistent_retries_max if alone else 0,
            )
        except NodeInconsistent as error:
            if alone:
                raise
            self.observer.on_retry("eth_getBlockByNumber", error.kind, 0.0)
        # One wrong answer spoils a batch, and the next attempt may meet another: keep what is right of it.
        middle = len(numbers) // 2
        below = await self.fetch_blocks(numbers[:middle], full=full)
        return below + await self.fetch_blocks(numbers[middle:], full=full)

    async def fetch_unread(self, numbers: Sequence[int]) -> list[UnreadBlock] | None:
        """Blocks for `read_block`, from one endpoint; None where `fetch_blocks` must be asked.

        The fast way for many blocks: nothing is retried or learnt from. Whatever fails, here or in
        `read_block`, is asked for again by `fetch_blocks`.
        """
        return await self._endpoints.run(
            "eth_getBlockByNumber", lambda on: block_parts.fetch_unread(on, numbers)
        )

    async def fetch_block_by_number(self, number: int, *, full: bool) -> FetchedBlock | None:
        """The checked block, None where the node has none of this number."""
        try:
            (fetched,) = await self.fetch_blocks([number], full=full)
        except BlockMissing:
            return None
        return fetched

    async def fetch_block_by_hash(self, block_hash: str, *, full: bool) -> FetchedBlock | None:
        """The checked block, None where the node has none of this hash."""
        return await self._find(
            "eth_getBlockByHash", lambda on: block_parts.fetch_by_hash(on, block_hash, full=full)
        )

    async def block_hashes(self, numbers: Sequence[int]) -> list[str | None]:
        """The canonical hash of each number, None above the head."""

        async def fetch(endpoint: Endpoint) -> list[str | None]:
            params = [f'"{number:#x}",false' for number in numbers]
            found, _ = await endpoint.batch("eth_getBlockByNumber", params, HASHES, endpoint.call_limit)
            return [None if item is None else item.hash for item in found]

        return await self._run("eth_getBlockByNumber", fetch)

    async def call(self, method: str, params: Sequence[Any]) -> Any:
        """The untyped result of any method; MethodMissing and CallRejected are raised at once."""
        return await self._run(method, lambda on: on.call(method, params))

    async def call_each(
        self,
        method: str,
        params: Sequence[Sequence[Any]],
        decoder: Refusable[Any] = ANYTHING,
    ) -> list[Any | Refusal | None]:
        """The results of many calls of one method in their order, all from one endpoint.

        A call that the node refuses does not spoil the others: its result is a Refusal.
        """
        texts = [msgspec.json.encode(each).decode()[1:-1] for each in params]
        return await self._run(method, lambda on: call_each(on, method, texts, decoder))

    async def ws_headers(self) -> dict[str, str]:
        """What authorises a WebSocket handshake with `ws_url` now."""
        token = None if self._ws_tokens is None else await self._ws_tokens.token()
        return {} if token is None else {"Authorization": f"Bearer {token}"}

    async def _run(self, method: str, operation: Callable[[Endpoint], Awaitable[T]]) -> T:
        return await self._retrying(method, lambda: self._endpoints.run(method, operation))

    async def _find(self, method: str, operation: Callable[[Endpoint], Awaitable[T | None]]) -> T | None:
        return await self._retrying(method, lambda: self._endpoints.find(method, operation))

    async def _retrying(
        self,
        method: str,
        attempt: Callable[[], Awaitable[T]],
        *,
        inconsistent_retries_max: int | None = None,
    ) -> T:
        """Repeat `attempt` on NodeRetryable until the deadline, telling the observer."""
        settings = self.settings
        if inconsistent_retries_max is None:
            inconsistent_retries_max = settings.inconsistent_retries_max
        missing = inconsistent = 0

        def wanted(error: BaseException) -> bool:
            nonlocal missing, inconsistent
            match error:
                case BlockMissing():
                    missing += 1
                    return missing <= settings.missing_retries_max
                case NodeInconsistent():
                    inconsistent += 1
                    return inconsistent <= inconsistent_retries_max
                case _:
                    return isinstance(error, NodeRetryable)

        def announce(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            wait_s = state.next_action.sleep if state.next_action else 0.0
            if isinstance(error, NodeError):
                self.observer.on_retry(method, error.kind, wait_s)

        backoff = wait_random_exponential(
            multiplier=settings.retry_wait_initial_s,
            min=settings.retry_wait_initial_s / 2,
            max=settings.retry_wait_max_s,
        )
        retrying = AsyncRetrying(
            retry=retry_if_exception(wanted),
            stop=stop_before_delay(settings.deadline_s),
            wait=lambda state: max(backoff(state), self._endpoints.wait_s),
            before_sleep=announce,
            sleep=asyncio.sleep,
            reraise=True,
        )

        async def once() -> T:  # tenacity awaits only what it sees is a coroutine function
            return await attempt()

        return await retrying(once)
