"""The application: routes behind the edge, and what runs beside them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import fields, replace
from typing import Any, cast

import structlog
from litestar import Litestar, Request, Router
from litestar.openapi import OpenAPIConfig

from node.client import NodeClient
from postgres.capabilities import Home, detect
from postgres.errors import translated
from postgres.pool import connect
from postgres.reader import Reader
from service.http.asgi import ASGIApp
from service.http.faults import FaultResponse
from service.http.metrics import folder
from service.http.strictness import refuse_unknown_parameters
from write_api.acting import Office, queries
from write_api.bodies import read_body
from write_api.callers import caller
from write_api.credentials.access_tokens import AccessTokens
from write_api.credentials.contract_wallets import ContractWallets
from write_api.credentials.passwords import PasswordCost, Passwords
from write_api.credentials.signing_keys import SigningKeys
from write_api.data_keys import DataKey, KeyRing
from write_api.desk import Desk
from write_api.edge import Edge
from write_api.encryption.master_keys import check_named
from write_api.health import Health
from write_api.key_stores import open_master_keys, open_storage
from write_api.limiting import Limiter
from write_api.metrics import write_metrics
from write_api.panel_events import PanelEvents
from write_api.routes import NOUNS, documents, health
from write_api.senders import sender_of
from write_api.session_cache import SessionCache
from write_api.settings import WriteSettings

log = structlog.get_logger(__name__)


def litestar_app(desk: Desk, probed: Health, documented: OpenAPIConfig | None = None) -> Litestar:
    """Routes alone, without edge."""
    nouns = [noun.routes(desk) for noun in NOUNS]
    version_1 = Router("/api/v1", route_handlers=[*nouns, documents.routes(desk.signing_keys)])

    async def before(request: Request[Any, Any, Any]) -> None:
        await refuse_unknown_parameters(request)
        opt = request.route_handler.opt
        if (kind := opt.get("limit")) is not None:
            desk.limiter.admit_kind(kind, caller(request), str(request.scope.get("path_template")))
        if opt["actor"] != "anyone":
            caller(request).signed_in()
        if (body := request.route_handler.parsed_data_field) is not None:
            await read_body(request, body.annotation)

    return Litestar(
        route_handlers=[health.routes(probed), version_1],
        before_request=before,
        exception_handlers={Exception: lambda _request, error: FaultResponse(error)},
        openapi_config=documented,
        logging_config=None,
    )


def undressed_app(documented: OpenAPIConfig) -> Litestar:
    """Its routes without anything behind them, for the OpenAPI document and the table of roles."""
    nothing: Any = None
    desk = Desk(*(nothing for _ in fields(Desk)))
    return litestar_app(desk, nothing, documented)


@asynccontextmanager
async def running(settings: WriteSettings) -> AsyncIterator[ASGIApp]:
    """What a server is given. Raises `KeyStoreLost` when master keys are missing that data keys name."""
    async with AsyncExitStack() as stack:
        reader = await stack.enter_async_context(await open_reader(settings))
        keys = KeyRing(await open_master_keys(settings.encryption))
        redis = settings.redis_settings()
        node_settings = settings.node_settings()
        node = None if node_settings is None else await stack.enter_async_context(NodeClient(node_settings))
        sign_in = settings.sign_in
        signing_keys = SigningKeys(sign_in.keys_file, sign_in.access_s + 60)
        sessions = SessionCache(redis, sign_in.session_s)
        stack.push_async_callback(sessions.aclose)
        limiter = Limiter(settings.protection, redis)
        sender = sender_of(settings.sender)
        stack.push_async_callback(sender.aclose)
        cost = PasswordCost(
            memory_kib=sign_in.argon2_memory_kib, passes=sign_in.argon2_time, lanes=sign_in.argon2_lanes
        )
        storage = open_storage(settings.storage)
        tokens = AccessTokens(signing_keys, sign_in.issuer, sign_in.audience, sign_in.access_s)
        metrics = write_metrics(folder())
        desk = Desk(
            settings=settings,
            office=Office(reader, keys, await system_key(reader, keys), PanelEvents(redis)),
            keys=keys,
            signing_keys=signing_keys,
            tokens=tokens,
            passwords=stack.enter_context(Passwords(cost)),
            sessions=sessions,
            storage=storage,
            sender=sender,
            limiter=limiter,
            ask_contract=_no_contracts if node is None else ContractWallets(node),
            metrics=metrics,
        )
        probed = Health(reader, sessions, storage, signing_keys, redis is not None, node, metrics)
        metrics.sources |= {
            "pend_write_redis_up": lambda: sessions.up,
            "pend_write_limits_shared": lambda: limiter.shared.up,
            "pend_write_database_connections_busy": lambda: reader.busy,
        }
        app = cast(ASGIApp, litestar_app(desk, probed))
        tasks = [asyncio.create_task(limiter.run()), asyncio.create_task(metrics.run())]
        try:
            yield Edge(app, settings, tokens, sessions, limiter, metrics)
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with contextlib.suppress(asyncio.CancelledError):
                    await task


async def open_reader(settings: WriteSettings, application_name: str = "pend-write") -> Reader:
    """The sessions of a process, which has reached the database once."""
    database = settings.database_settings(application_name)
    with translated():
        first = await connect(database)
        capabilities = await detect(first)
        await first.close()
    database = replace(database, plans_once=capabilities.home is Home.PLAIN)
    return Reader(database, settings.write.connections, settings.write.wait_s)


async def check_keys(settings: WriteSettings) -> None:
    """Raises `KeyStoreLost`, which says what is lost, `SigningKeysInvalid`, and what the database raises."""
    SigningKeys(settings.sign_in.keys_file, settings.sign_in.access_s)
    keys = KeyRing(await open_master_keys(settings.encryption))
    async with await open_reader(settings) as reader:
        await system_key(reader, keys)


async def system_key(reader: Reader, keys: KeyRing) -> DataKey:
    """The key of kept answers, made when there is none; every master key that is named must be there."""
    async with reader.connection() as connection:
        named = await queries.select_master_keys.many(connection)
        check_named(keys.master, {row["master_key_id"]: row["data_keys"] for row in named})
        row = await queries.select_system_key.one(connection)
        if row is None:
            made = keys.new()
            wrapped = await keys.wrap(made)
            await queries.insert_system_key.value(connection, made.id, wrapped.blob, wrapped.key_id)
            row = await queries.select_system_key.one(connection)
        assert row is not None
    return await keys.unwrap(row["id"], row["wrapped"], row["master_key_id"])


async def _no_contracts(_address: bytes, _digest: bytes, _signature: bytes) -> bool:
    return False
