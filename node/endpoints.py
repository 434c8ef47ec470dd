"""Several endpoints as one: whom to ask, who is set aside and why, and how each comes back.

Checks (network, then height) run beside the operations, so that none waits for an endpoint that is away
while another can answer.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from node.block_parts import fetch_header
from node.endpoint import Endpoint
from node.errors import (
    AccessDenied,
    BlockMissing,
    EndpointsDisagree,
    NodeError,
    NodeFatal,
    NodeInconsistent,
    NodeRetryable,
    NodeTimeout,
    WrongChain,
    WrongGenesis,
)
from node.observer import NodeObserver
from node.settings import NodeSettings

T = TypeVar("T")

# One of several endpoints may fail by these; with none left they are raised.
_FAILS_OVER = (NodeRetryable, AccessDenied, WrongChain, WrongGenesis)


class Endpoints:
    """Lives as long as the client; holds nothing that grows."""

    def __init__(self, all_: Sequence[Endpoint], settings: NodeSettings, observer: NodeObserver) -> None:
        self.all = tuple(all_)
        self._settings = settings
        self._observer = observer
        self._network: tuple[int, str] | None = None
        self._checks: dict[Endpoint, asyncio.Task[NodeError | None]] = {}
        self._check_at_s = dict.fromkeys(self.all, time.monotonic() + settings.health_interval_s)

    async def close(self) -> None:
        """End the checks that are still running."""
        checks = tuple(self._checks.values())
        for task in checks:
            task.cancel()
        await asyncio.gather(*checks, return_exceptions=True)

    @property
    def preferred(self) -> Endpoint:
        """Who is asked first now; the first of all where none may be."""
        return (self._usable() or self.all)[0]

    @property
    def wait_s(self) -> float:
        """How long no endpoint may be asked, not even by a probe."""
        return min(each.health.wait_s if each.health.shut else 0.0 for each in self.all)

    async def run(self, method: str, operation: Callable[[Endpoint], Awaitable[T]]) -> T:
        """The first result of the endpoints in turn; `operation` runs whole on one of them.

        Raises the most hopeful of their failures; where all are shut, of those that shut them.
        """
        failures: list[NodeError] = []
        lacking: list[Endpoint] = []
        candidates = await self._candidates()
        for endpoint in candidates:
            try:
                await self._require_verified(endpoint)
                result = await operation(endpoint)
            except BlockMissing as error:
                failures.append(error)
                lacking.append(endpoint)
            except _FAILS_OVER as error:
                self._note(endpoint, error)
                failures.append(error)
            else:
                endpoint.health.succeeded()
                for behind in lacking:
                    self._set_aside(behind, "missing")
                return result
            if endpoint is not candidates[-1]:
                self._observer.on_retry(method, failures[-1].kind, 0.0)
        if not failures:
            failures = [each.health.error for each in self.all if each.health.error is not None]
        # Raised again and again while it lasts: each time would add to the same traceback.
        raise _most_hopeful(failures).with_traceback(None)

    async def find(self, method: str, operation: Callable[[Endpoint], Awaitable[T | None]]) -> T | None:
        """As `run`; a null is believed when no other endpoint that can be asked knows better."""
        said_null = False

        async def require(endpoint: Endpoint) -> T:
            nonlocal said_null
            result = await operation(endpoint)
            if result is None:
                said_null = True
                raise BlockMissing(endpoint.host, "that was asked for")
            return result

        try:
            return await self.run(method, require)
        except NodeError:
            if said_null:
                return None
            raise

    async def verify(self, chain_id: int, genesis_hash: str, *, every: bool) -> None:
        """Require this network (invariant 9): now, after any failure, and every `health_interval_s`."""
        self._network = (chain_id, genesis_hash)
        results = await asyncio.gather(*(self._checked(endpoint) for endpoint in self.all))
        failures = [error for error in results if error is not None]
        foreign = [error for error in failures if isinstance(error, (WrongChain, WrongGenesis))]
        if foreign and every:
            raise foreign[0]
        if len(failures) == len(self.all):
            raise _most_hopeful(failures)
        for endpoint in self.all:  # each was compared with those that had answered before it
            self._require_height(endpoint)

    async def check_agreement(self, number: int, finalized: int) -> bool:
        """See `NodeClient.check_agreement`."""
        hashes = await self._hashes_at(number)
        if len(set(hashes.values())) < 2:
            return True
        # A network that was made anew disagrees too; that is for its own check to say.
        await asyncio.gather(*(self._checked(endpoint) for endpoint in hashes))
        hashes = await self._hashes_at(number)
        if len(set(hashes.values())) < 2:
            return True
        self._observer.on_disagreement(number)
        if number <= finalized:
            raise EndpointsDisagree(number, [(endpoint.host, hash_) for endpoint, hash_ in hashes.items()])
        return False

    def _note(self, endpoint: Endpoint, error: NodeError) -> None:
        """Let a failure tell on the endpoint's health."""
        if isinstance(error, NodeInconsistent):
            self._observer.on_inconsistent(error.inconsistency)
        # Whatever comes back behind this URL may be another network.
        endpoint.verified = False
        if endpoint.health.failed(error):
            self._observer.on_set_aside(endpoint.host, error.kind)

    async def _candidates(self) -> list[Endpoint]:
        """Those in use, in their order, then those set aside; waits for a probe where all are shut."""
        for endpoint in self.all:
            if self._check_is_due(endpoint):
                self._check(endpoint)
        usable = self._usable()
        if not usable and self._checks:
            await asyncio.wait(self._checks.values(), return_when=asyncio.FIRST_COMPLETED)
            usable = self._usable()
        return usable

    def _usable(self) -> list[Endpoint]:
        usable = [each for each in self.all if not each.health.shut]
        if len(usable) > 1:
            usable.sort(key=lambda each: (not each.health.in_use, each.health.wait_s))
        return usable

    def _check_is_due(self, endpoint: Endpoint) -> bool:
        if endpoint.health.in_use:
            return time.monotonic() >= self._check_at_s[endpoint]
        # The only endpoint is asked as long as it is not shut: the next operation will say how it is.
        return endpoint.health.wait_s == 0 and (endpoint.health.shut or len(self.all) > 1)

    async def _require_verified(self, endpoint: Endpoint) -> None:
        if self._network is not None and not endpoint.verified:
            error = await self._checked(endpoint)
            if error is not None:
                raise error

    def _check(self, endpoint: Endpoint) -> "asyncio.Task[NodeError | None]":
        """The check of this endpoint that is running, or a new one."""
        task = self._checks.get(endpoint)
        if task is None:
            task = asyncio.create_task(self._run_check(endpoint), name=f"check of {endpoint.host}")
            self._checks[endpoint] = task
            task.add_done_callback(lambda _: self._checks.pop(endpoint))
        return task

    async def _checked(self, endpoint: Endpoint) -> NodeError | None:
        """What the check found; others may wait for the same one, so that it outlives its waiters."""
        return await asyncio.shield(self._check(endpoint))

    async def _run_check(self, endpoint: Endpoint) -> NodeError | None:
        limit_s = self._settings.check_timeout_s
        try:
            async with asyncio.timeout(limit_s):
                if self._network is not None:
                    await endpoint.verify_network(*self._network)
                await endpoint.fetch_head_number()
        except TimeoutError:
            error: NodeError = NodeTimeout(endpoint.host, "its health check", limit_s)
        except NodeError as failure:
            error = failure
        else:
            was_in_use = endpoint.health.in_use
            endpoint.health.passed()
            self._require_height(endpoint, known=not was_in_use)
            return None
        finally:
            self._check_at_s[endpoint] = time.monotonic() + self._settings.health_interval_s
        self._note(endpoint, error)
        return error

    def _require_height(self, endpoint: Endpoint, *, known: bool = False) -> None:
        """Set aside what is far behind the others; `known` is not told again (LESSONS 11)."""
        heights = [each.head_number or 0 for each in self.all if each.health.in_use]
        behind = max(heights, default=0) - (endpoint.head_number or 0)
        if endpoint.health.in_use and behind > self._settings.lag_blocks_max:
            self._set_aside(endpoint, "lagging", known=known)

    def _set_aside(self, endpoint: Endpoint, reason: str, *, known: bool = False) -> None:
        if endpoint.health.in_use and not known:
            self._observer.on_set_aside(endpoint.host, reason)
        endpoint.health.set_aside()

    async def _hashes_at(self, number: int) -> dict[Endpoint, str]:
        """The hash that each endpoint gives to this height, without those that cannot say."""
        asked = [each for each in self.all if each.verified and not each.health.shut]
        if len(asked) < 2:
            return {}
        headers = await asyncio.gather(
            *(fetch_header(each, number) for each in asked), return_exceptions=True
        )
        hashes: dict[Endpoint, str] = {}
        for endpoint, header in zip(asked, headers, strict=True):
            if isinstance(header, BaseException):
                if not isinstance(header, NodeError):
                    raise header
            elif header is not None:
                hashes[endpoint] = header.hash
        return hashes


def _most_hopeful(failures: Sequence[NodeError]) -> NodeError:
    """Of one failure per endpoint, the one to wait out, else the first."""
    waitable = [error for error in failures if not isinstance(error, NodeFatal)]
    return (waitable or failures)[0]
