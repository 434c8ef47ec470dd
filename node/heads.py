"""New heads of the chain: pushed by newHeads where that works, polled where it does not.

Either source may skip heads, go back, or come back to one; what that means is the reader's to decide.
"""

import asyncio
import contextlib
import random
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from web3 import AsyncWeb3, WebSocketProvider
from web3.exceptions import Web3Exception
from web3.middleware import ExtraDataToPOAMiddleware
from web3.utils.subscriptions import NewHeadsSubscription, NewHeadsSubscriptionContext
from websockets.exceptions import WebSocketException

from node.client import NodeClient
from node.errors import NodeError, NodeRetryable
from node.observer import NodeObserver, SilentObserver

# py_ecc, which web3 brings, sets 100,000: JSON nested as deeply would overflow the C stack.
sys.setrecursionlimit(1_000)

_RECONNECT_FIRST_S = 1.0
_RECONNECT_MAX_S = 60.0
# Besu pushes whole headers with the hashes of their transactions: 66 characters each.
_FRAME_BYTES_MAX = 64 * 1024 * 1024
_HEADS_WAITING_MAX = 256
_CLOSE_TIMEOUT_S = 2.0

# web3 passes on what its listener task died of: transport, JSON and missing keys alike.
_SUBSCRIPTION_FAILS = (
    Web3Exception,
    WebSocketException,
    OSError,
    NodeError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    RecursionError,
)


@dataclass(frozen=True, slots=True)
class HeadSeen:
    number: int
    hash: str
    parent_hash: str
    timestamp: int


@dataclass(slots=True)
class _Subscription:
    """What the listening task and the reader share."""

    pushed: asyncio.Queue[HeadSeen | None] = field(default_factory=lambda: asyncio.Queue(_HEADS_WAITING_MAX))
    alive: bool = False


async def heads(
    node: NodeClient,
    *,
    ws_url: str | None,
    poll_interval_s: float,
    observer: NodeObserver | None = None,
    on_look: Callable[[], None] = lambda: None,
) -> AsyncGenerator[HeadSeen, None]:
    """Yield the current head, then each one that is seen, for ever.

    Never raises on what waiting may mend. Without `ws_url`, while the subscription is down, or when it has
    been silent for `head_silence_s`, the node is polled; a poll that finds what the subscription should have
    pushed restarts it. `on_look` is called after each look at the node, also one that found no new head.
    Cancel the consuming task, or close the generator, to end it.
    """
    observer = observer or SilentObserver()
    subscription = _Subscription()
    listener = None if ws_url is None else _start(node, ws_url, subscription, observer)
    if listener is None:
        observer.on_head_source("polling")
    last: HeadSeen | None = None
    wait_s, expecting = 0.0, False
    try:
        while True:
            silent = False
            try:
                async with asyncio.timeout(wait_s):
                    head = await subscription.pushed.get()
            except TimeoutError:
                head, silent = None, expecting
            if head is None:
                head = await _poll(node)
            on_look()
            if head == last:
                head = None
            if listener is not None and ws_url is not None:
                if silent and head is not None and subscription.alive:
                    # It was silent about a head that exists: the connection only looks alive.
                    await _stop(listener)
                    listener = _start(node, ws_url, subscription, observer)
                elif listener.done():
                    listener.result()
            expecting = subscription.alive
            wait_s = node.settings.head_silence_s if expecting else poll_interval_s
            if head is not None:
                last = head
                yield head
    finally:
        if listener is not None:
            await _stop(listener)


async def _poll(node: NodeClient) -> HeadSeen | None:
    try:
        header = await node.fetch_header("latest")
    except NodeRetryable:
        return None  # the client has told its observer
    if header is None:
        return None
    return HeadSeen(int(header.number, 16), header.hash, header.parent_hash, int(header.timestamp, 16))


def _start(
    node: NodeClient, ws_url: str, subscription: _Subscription, observer: NodeObserver
) -> asyncio.Task[None]:
    return asyncio.create_task(_listen(node, ws_url, subscription, observer), name="newHeads")


async def _stop(listener: asyncio.Task[None]) -> None:
    # Not awaited itself: that would take a cancellation of ours for the listener's own. And again, should
    # one get lost in web3 (it swallows some, and before Python 3.12 so does asyncio.wait_for).
    while not listener.done():
        listener.cancel()
        await asyncio.wait([listener], timeout=_CLOSE_TIMEOUT_S + 1)
    if not listener.cancelled():
        listener.exception()  # looked at, so that asyncio does not report it as never retrieved


async def _listen(node: NodeClient, ws_url: str, subscription: _Subscription, observer: NodeObserver) -> None:
    """Keep a subscription up; wait longer after each failure that pushed nothing before."""
    wait_s = _RECONNECT_FIRST_S
    observer.on_head_source("polling")
    while True:
        pushed_before = False
        try:
            async with _connected(node, ws_url) as w3:

                async def seen(context: NewHeadsSubscriptionContext) -> None:
                    nonlocal pushed_before
                    pushed_before = True
                    await subscription.pushed.put(_head_of(context.result))

                await w3.subscription_manager.subscribe(NewHeadsSubscription(handler=seen))
                _require_not_cancelled()
                subscription.alive = True
                observer.on_head_source("websocket")
                # Heads made while there was no subscription are not pushed: poll once.
                await subscription.pushed.put(None)
                await w3.subscription_manager.handle_subscriptions()
        except _SUBSCRIPTION_FAILS as error:
            kind = error.kind if isinstance(error, NodeError) else "subscription"
        else:
            kind = "subscription"
        finally:
            if subscription.alive:
                subscription.alive = False
                observer.on_head_source("polling")
        _require_not_cancelled()
        wait_s = _RECONNECT_FIRST_S if pushed_before else min(2 * wait_s, _RECONNECT_MAX_S)
        jittered_s = wait_s * random.uniform(0.5, 1.0)  # noqa: S311  # spreads load, guards nothing
        observer.on_retry("eth_subscribe", kind, jittered_s)
        # Wake the reader, who may be waiting for a push, so that it polls from now on.
        await subscription.pushed.put(None)
        await asyncio.sleep(jittered_s)


def _require_not_cancelled() -> None:
    """A cancellation that web3 swallowed, while subscribing or disconnecting, still ends this task."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


@contextlib.asynccontextmanager
async def _connected(node: NodeClient, ws_url: str) -> AsyncIterator[AsyncWeb3[WebSocketProvider]]:
    """A web3 connection that takes extraData of more than 32 bytes, as BFT and Clique have it."""
    provider = WebSocketProvider(
        ws_url,
        websocket_kwargs={
            "additional_headers": await node.ws_headers(),
            "open_timeout": node.settings.connect_timeout_s,
            "ping_interval": node.settings.head_silence_s,
            "ping_timeout": node.settings.head_silence_s,
            "close_timeout": _CLOSE_TIMEOUT_S,
            "max_size": _FRAME_BYTES_MAX,
            "proxy": None,
            "ssl": node.settings.tls_context() if ws_url.startswith("wss:") else None,
        },
        use_text_frames=True,
        max_connection_retries=1,
        request_timeout=node.settings.connect_timeout_s,
    )
    w3 = AsyncWeb3(provider, middleware=[ExtraDataToPOAMiddleware])
    try:
        async with w3:
            yield w3
    finally:
        # web3 leaves a connection that the node began to close to the garbage collector.
        await provider.disconnect()


def _head_of(result: Any) -> HeadSeen:
    return HeadSeen(
        result["number"],
        "0x" + bytes(result["hash"]).hex(),
        "0x" + bytes(result["parentHash"]).hex(),
        result["timestamp"],
    )
