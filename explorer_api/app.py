"""The application: routes behind the edge, and what runs beside them."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from importlib.metadata import version
from typing import cast

import structlog
from litestar import Litestar, Router
from litestar.openapi import OpenAPIConfig

from explorer_api.api_keys import ApiKeys
from explorer_api.caching.local import LocalCache
from explorer_api.caching.shared import SharedCache
from explorer_api.clients import Clients
from explorer_api.deprecation import headers_by_route
from explorer_api.edge import Edge
from explorer_api.etherscan import routes as etherscan
from explorer_api.health import Health
from explorer_api.limiting import Limiter
from explorer_api.metrics import explorer_metrics
from explorer_api.pace import BlockPace
from explorer_api.reading import Explorer
from explorer_api.routes import (
    addresses,
    block_contents,
    blocks,
    contracts,
    documents,
    events,
    export,
    health,
    network,
    page,
    pools,
    search,
    tokens,
    transactions,
    validators,
    wallets,
)
from explorer_api.settings import ExplorerSettings
from explorer_api.tip import Tip, TipFollower
from node.client import NodeClient
from postgres.capabilities import Home, detect
from postgres.errors import DatabaseError, translated
from postgres.pool import connect, open_pool
from postgres.reader import Reader
from service.http.asgi import ASGIApp
from service.http.faults import FaultResponse
from service.http.metrics import folder
from service.http.strictness import refuse_unknown_parameters

log = structlog.get_logger(__name__)

_KEYS_EVERY_S, _KEYS_WITHIN_S = 5.0, 10.0


_NOUNS = (
    blocks,
    block_contents,
    transactions,
    addresses,
    wallets,
    tokens,
    contracts,
    events,
    validators,
    network,
    pools,
    search,
    export,
)


def litestar_app(
    explorer: Explorer, documented: OpenAPIConfig | None = None, probed: Health | None = None
) -> Litestar:
    """Routes alone, without edge."""
    nouns = [noun.routes(explorer) for noun in _NOUNS]
    version_1 = Router("/api/v1", route_handlers=[*nouns, documents.routes(explorer)])
    return Litestar(
        route_handlers=[
            health.routes(probed or Health(explorer)),
            etherscan.routes(explorer),
            page.routes(),
            version_1,
        ],
        before_request=refuse_unknown_parameters,
        exception_handlers={Exception: lambda _request, error: FaultResponse(error)},
        openapi_config=documented,
        logging_config=None,
    )


def build_name() -> str:
    """Names the form of answers: two versions never take each other's ETags or cached answers."""
    return hashlib.sha256(f"pend-explorer {version('pend-indexer')}".encode()).hexdigest()[:6]


@asynccontextmanager
async def running(settings: ExplorerSettings) -> AsyncIterator[Edge]:
    """What a server is given: its tip follows the outbox for as long as the block runs."""
    database = settings.database_settings()
    with translated():
        first = await connect(database)
        capabilities = await detect(first)
        await first.close()
    database = replace(database, plans_once=capabilities.home is Home.PLAIN)
    tip = Tip()
    async with (
        Reader(
            replace(database, caller_keeps_time=True), settings.queries.connections, settings.queries.wait_s
        ) as reader,
        AsyncExitStack() as stack,
    ):
        node_settings = settings.node_settings()
        node = None if node_settings is None else await stack.enter_async_context(NodeClient(node_settings))
        explorer = Explorer(settings, reader, tip, node)
        keys = ApiKeys(reader)
        redis = settings.redis_settings()
        local = LocalCache(settings.cache.local_bytes_max)
        shared = SharedCache(redis, tip, build_name()) if redis is not None else None
        pace = BlockPace()
        metrics = explorer_metrics(folder())
        limiter = Limiter(settings.limits, redis, lambda: tip.channel or "pend")
        app = litestar_app(explorer, probed=Health(explorer, shared, node, metrics))
        clients = Clients(settings.http.trusted_proxies, keys)
        metrics.sources |= {
            "pend_explorer_outbox_sequence": lambda: tip.sequence,
            "pend_explorer_local_cache_bytes": lambda: local.size_bytes,
            "pend_explorer_local_cache_entries": lambda: len(local),
            "pend_explorer_clients": lambda: len(clients),
            "pend_explorer_redis_up": lambda: shared is not None and shared.up,
            "pend_explorer_limits_shared": lambda: limiter.shared.up,
            "pend_explorer_database_connections_busy": lambda: reader.busy,
        }
        edge = Edge(
            app=cast(ASGIApp, app),
            settings=settings,
            tip=tip,
            local=local,
            shared=shared,
            limiter=limiter,
            clients=clients,
            metrics=metrics,
            build=build_name(),
            next_block_in_s=pace.next_block_in_s,
            deprecated=headers_by_route(),
        )
        pool = await open_pool(replace(database, pool_size_max=2, statement_timeout_s=10.0))
        follower = TipFollower(tip, pool, redis)
        follower.on_row.append(pace.hear)
        follower.on_resync.append(local.clear)
        if shared is not None:
            follower.on_resync.append(shared.forget)
        position = await follower.start()
        await keys.refresh()
        tasks = [
            asyncio.create_task(follower.follow(position)),
            asyncio.create_task(_refresh_keys(keys)),
            asyncio.create_task(limiter.run()),
            asyncio.create_task(metrics.run()),
        ]
        try:
            yield edge
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task
            if shared is not None:
                await shared.aclose()
            await pool.close()


async def _refresh_keys(keys: ApiKeys) -> None:
    while True:
        await asyncio.sleep(_KEYS_EVERY_S)
        try:
            async with asyncio.timeout(_KEYS_WITHIN_S):
                await keys.refresh()
        except (DatabaseError, TimeoutError) as error:
            log.warning("API keys could not be read again", reason=str(error))
