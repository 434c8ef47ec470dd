"""A panel with everything that it works with, for as long as a block runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

from write_api.acting import Office
from write_api.app import open_reader, system_key
from write_api.credentials.access_tokens import AccessTokens
from write_api.credentials.signing_keys import SigningKeys
from write_api.data_keys import KeyRing
from write_api.key_stores import open_master_keys
from write_api.limiting import Limiter
from write_api.live.application import PanelApplication
from write_api.live.floor import Floor
from write_api.live.metrics import LiveMetrics
from write_api.live.presence import Presence
from write_api.live.socket_server import SocketServer
from write_api.live.watch import Watch
from write_api.panel_broadcasting import Broadcasting
from write_api.panel_channel import PanelChannel
from write_api.panel_events import PanelEvents
from write_api.session_cache import SessionCache
from write_api.settings import WriteSettings

_WAIT_S = 8.0
"""For a database connection: after a restart everybody comes back at once."""


@dataclass(frozen=True, slots=True)
class LiveOptions:
    token_grace_s: float
    check_every_s: float
    connections_per_address: int


@asynccontextmanager
async def running_panel(
    settings: WriteSettings, options: LiveOptions
) -> AsyncIterator[tuple[PanelApplication, "asyncio.Task[None]"]]:
    """The application, and the task that never ends by itself: where it does, nobody is watched any more."""
    async with AsyncExitStack() as stack:
        reader = await stack.enter_async_context(await open_reader(settings, "pend-write-live"))
        reader.wait_s = _WAIT_S
        keys = KeyRing(await open_master_keys(settings.encryption))
        redis, sign_in = settings.redis_settings(), settings.sign_in
        signing_keys = SigningKeys(sign_in.keys_file, sign_in.access_s + 60)
        sessions = SessionCache(redis, sign_in.session_s)
        stack.push_async_callback(sessions.aclose)
        limiter = Limiter(settings.protection, redis)
        channel = None if redis is None else PanelChannel(redis, missed=lambda: floor.missed())  # noqa: PLW0108  made below
        manager = Broadcasting() if channel is None else channel
        server = SocketServer(manager)
        presence = Presence(redis)
        stack.push_async_callback(presence.aclose)
        floor = Floor(
            server=server,
            office=Office(reader, keys, await system_key(reader, keys), PanelEvents(None, manager)),
            tokens=AccessTokens(signing_keys, sign_in.issuer, sign_in.audience, sign_in.access_s),
            sessions=sessions,
            limiter=limiter,
            presence=presence,
            metrics=LiveMetrics(),
            token_grace_s=options.token_grace_s,
        )
        server.manager_initialized = True
        manager.initialize()
        if channel is not None:
            stack.push_async_callback(channel.aclose)
        stack.push_async_callback(server.shutdown)
        watch = Watch(floor, options.check_every_s)
        following = asyncio.create_task(watch.tokens_and_sessions())
        tasks = [following, asyncio.create_task(watch.presence()), asyncio.create_task(limiter.run())]
        try:
            yield (
                PanelApplication(settings.write, floor, reader, channel, options.connections_per_address),
                following,
            )
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task
