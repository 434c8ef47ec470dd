"""One URL of a node: authorised requests, batches of learnt size, and what is known about it."""

import time
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import Any, TypeVar

import aiohttp
import msgspec
from yarl import URL

from node.batch_limit import BatchLimit
from node.errors import (
    AccessDenied,
    AnswerGarbled,
    AnswerTooLarge,
    BlockMissing,
    NodeError,
    NodeInconsistent,
    NodeRefused,
    NodeTimeout,
    NodeUnreachable,
    WrongChain,
    WrongGenesis,
)
from node.health import Health
from node.jsonrpc import (
    HASHES,
    VALUES,
    Decoder,
    batch_body,
    decode_batch,
    error_in_object,
    error_of,
)
from node.login import host_of, token_source
from node.observer import NodeObserver
from node.settings import NodeSettings
from node.transport import post

T = TypeVar("T")


class ReceiptsBy(Enum):
    """How an endpoint gives receipts, best first; a refusal moves on to the next, for good."""

    BLOCK_HASH = "hash"
    BLOCK_NUMBER = "number"
    TRANSACTION = "transaction"


class Endpoint:
    """State with the lifetime of the client; every request to the URL goes through it."""

    def __init__(
        self, url: str, settings: NodeSettings, session: aiohttp.ClientSession, observer: NodeObserver
    ) -> None:
        self._url = URL(url)
        self._session = session
        self._observer = observer
        self._response_bytes_max = settings.max_response_bytes
        self._tokens = token_source(settings, session, self._url)
        self.host = host_of(self._url)
        self.block_limit = BatchLimit(settings.batch_blocks_max, settings.slow_batch_s)
        self.call_limit = BatchLimit(settings.batch_calls_max, settings.slow_batch_s)
        self.receipts_by = ReceiptsBy.BLOCK_HASH
        # Whether answers to batches can be read block by block.
        self.splits_batches = True
        self.health = Health(
            failures_max=settings.failures_max,
            wait_initial_s=settings.set_aside_initial_s,
            wait_max_s=settings.set_aside_max_s,
        )
        self.head_number: int | None = None
        # Whether chain id and genesis were compared since the last failure (invariant 9).
        self.verified = False

    async def verify_network(self, chain_id: int, genesis_hash: str) -> None:
        """Raise WrongChain or WrongGenesis unless this endpoint serves the given network (invariant 9)."""
        found_id = await self.fetch_chain_id()
        if found_id != chain_id:
            raise WrongChain(self.host, chain_id, found_id)
        found_hash = await self.fetch_genesis_hash()
        if found_hash != genesis_hash.lower():
            raise WrongGenesis(self.host, genesis_hash, found_hash)
        self.verified = True

    async def fetch_chain_id(self) -> int:
        return await self._fetch_quantity("eth_chainId")

    async def fetch_genesis_hash(self) -> str:
        (genesis,), _ = await self.batch("eth_getBlockByNumber", ['"0x0",false'], HASHES, self.call_limit)
        if genesis is None:
            raise BlockMissing(self.host, 0)
        return genesis.hash.lower()

    async def fetch_head_number(self) -> int:
        self.head_number = await self._fetch_quantity("eth_blockNumber")
        return self.head_number

    async def call(self, method: str, params: Sequence[Any]) -> Any:
        """The result of any method; CallRejected holds the node's own refusal."""
        text = msgspec.json.encode(params).decode()[1:-1]
        results, _ = await self._one_batch(method, [text], VALUES, server_error_passes=False)
        return results[0]

    async def batch(
        self,
        method: str,
        params: Sequence[str],
        decoder: Decoder[T],
        limit: BatchLimit,
    ) -> tuple[list[T | None], int]:
        """Results in the order of `params`, and how many bytes of JSON they were.

        Asks in as many batches as `limit` wants; one that is too much is halved and asked again. What may
        have been too much, or may have met an outage, is raised; asked again, it will be less.
        """
        results: list[T | None] = []
        total_bytes = 0
        while len(results) < len(params):
            part = params[len(results) : len(results) + limit.size]
            started_s = time.perf_counter()
            try:
                answered, size_bytes = await self._one_batch(method, part, decoder)
            except AnswerTooLarge:
                limit.refused(len(part))
                if len(part) == 1:
                    raise
                continue
            except (NodeTimeout, AnswerGarbled):
                limit.strained(len(part))
                raise
            except NodeUnreachable as error:
                if error.broke:
                    limit.strained(len(part))
                raise
            limit.answered(len(part), time.perf_counter() - started_s)
            if limit is self.block_limit:
                self.health.answered()
            results += answered
            total_bytes += size_bytes
        return results, total_bytes

    async def raw_batch(self, method: str, params: Sequence[str]) -> bytes:
        """The answer to one batch, not read: what it refuses is found by whoever reads it."""
        body = batch_body(method, params)
        token = await self._tokens.token()
        return await self._observed(method, lambda: self._post(method, body, token))

    async def _fetch_quantity(self, method: str) -> int:
        value = await self.call(method, [])
        try:
            return int(value, 16)
        except (TypeError, ValueError):
            detail = f"{method} from {self.host}: {value!r:.80} is not a quantity"
            raise NodeInconsistent("malformed", None, None, detail) from None

    async def _one_batch(
        self,
        method: str,
        params: Sequence[str],
        decoder: Decoder[T],
        *,
        server_error_passes: bool = True,
    ) -> tuple[list[T | None], int]:
        body = batch_body(method, params)
        token = await self._tokens.token()

        async def attempt() -> tuple[list[T | None], int]:
            raw = await self._post(method, body, token)
            results = decode_batch(
                raw,
                decoder,
                endpoint=self.host,
                method=method,
                count=len(params),
                server_error_passes=server_error_passes,
            )
            return results, len(raw)

        try:
            return await self._observed(method, attempt)
        except AccessDenied:
            # Besu answers an expired token with 401, or with 200 and -40100 for each call of a batch.
            if not await self._tokens.renew(token):
                raise
        token = await self._tokens.token()
        return await self._observed(method, attempt)

    async def _observed(self, method: str, attempt: Callable[[], Awaitable[T]]) -> T:
        started_s = time.perf_counter()
        kind: str | None = None
        try:
            return await attempt()
        except NodeError as error:
            kind = error.kind
            raise
        finally:
            self._observer.on_request(self.host, method, time.perf_counter() - started_s, kind)

    async def _post(self, method: str, body: bytes, token: str | None) -> bytes:
        headers = {"Content-Type": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        status, raw = await post(
            self._session,
            self._url,
            body,
            headers=headers,
            endpoint=self.host,
            method=method,
            response_bytes_max=self._response_bytes_max,
        )
        if status != 200:
            raise self._refusal(method, status, raw)
        return raw

    def _refusal(self, method: str, status: int, raw: bytes) -> NodeError:
        if status == 401:
            return AccessDenied(self.host, "the token is refused, or one is needed: check login or token")
        if status == 403:
            return AccessDenied(self.host, "HTTP 403: on Besu add this host's name to --host-allowlist")
        if status in (413, 504):
            # Besu gives up on a batch after 30 s with 504 (--Xhttp-timeout-seconds).
            return AnswerTooLarge(self.host, method, status=status)
        error = error_in_object(raw)
        if error is not None:
            return error_of(error, self.host, method, server_error_passes=True)
        return NodeRefused(self.host, method, status=status)
