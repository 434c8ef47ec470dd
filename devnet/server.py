"""A simulated Besu node on the network: JSON-RPC over HTTP and, on a port of its own, WebSocket."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from itertools import count
from types import TracebackType
from typing import Any, Self

import msgspec
from aiohttp import WSMsgType, web

from devnet import errors
from devnet.answers import CACHE_BYTES_MAX, Answers
from devnet.chain import Change, Devnet, ImpossibleReorg
from devnet.faults import Delivered, DropConnection, Faults, NoFaults
from devnet.keys import generator
from devnet.login import Login, unauthorized
from devnet.methods import Methods
from devnet.rpc import DEFAULT_APIS, Rpc
from devnet.subscriptions import Subscriptions, is_notification
from devnet.weather.commands import weather_commands
from devnet.weather.spells import Spell
from devnet.weather.weather import Weather
from evm.consensus import Consensus

BODY_BYTES_MAX = 128 * 1024 * 1024
FRAME_BYTES_MAX = 1024 * 1024
SHUTDOWN_S = 1.0
# A long devnet_advance lets requests in between after this many blocks.
BLOCKS_PER_TURN = 8
REORG_DEPTH_MAX = 3

_CONSENSUS_API = {Consensus.QBFT: "qbft", Consensus.IBFT2: "ibft", Consensus.CLIQUE: "clique"}
_encode = msgspec.json.Encoder().encode


class DevnetServer:
    """Serves `devnet` between `async with` and its end.

    `faults` and `devnet` may be replaced at any time; another devnet is a node that was reset.
    `without_methods` answer -32601, as on an older Besu. With `produce_every_s` it makes blocks by itself,
    and every `reorg_every`-th time a reorg of up to 3 blocks.
    """

    def __init__(
        self,
        devnet: Devnet,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        ws_port: int = 0,
        produce_every_s: float | None = None,
        reorg_every: int | None = None,
        apis: Collection[str] | None = None,
        without_methods: Collection[str] = (),
        login: Login | None = None,
        compress: bool = False,
        cache_bytes_max: int = CACHE_BYTES_MAX,
        faults: Faults | None = None,
    ) -> None:
        self.faults: Faults = faults or NoFaults()
        self.login = login
        self._host, self._port, self._ws_port = host, port, ws_port
        self._produce_every_s, self._reorg_every = produce_every_s, reorg_every
        self._compress = compress
        self._answers = Answers(cache_bytes_max)
        self._apis, self._without_methods = apis, without_methods
        self._subscribers: list[Callable[[Change], None]] = []
        self._devnet, self._rpc = devnet, self._rpc_over(devnet)
        self._producing = asyncio.Event()
        self._producing.set()
        self._subscription_ids = count(1)
        self._sockets: set[web.WebSocketResponse] = set()
        self._runners: list[web.AppRunner] = []
        self.producer: asyncio.Task[None] | None = None  # ends only by a fault, which closing raises
        self.http_url = self.ws_url = ""

    @property
    def devnet(self) -> Devnet:
        return self._devnet

    @devnet.setter
    def devnet(self, devnet: Devnet) -> None:
        if self._announce in self._devnet.listeners:
            self._devnet.listeners.remove(self._announce)
            devnet.listeners.append(self._announce)
        self._devnet, self._rpc = devnet, self._rpc_over(devnet)
        if isinstance(self.faults, Weather):
            self.faults.devnet = devnet

    def set_weather(self, spells: Sequence[Spell], *, seed: int | None = None) -> Weather:
        """Serve faults from now on; without a seed, the network's decides which requests they fall on."""
        weather = Weather(self.devnet, spells, seed=seed, login=self.login)
        self.faults = weather
        return weather

    def clear_weather(self) -> None:
        """Serve the truth again."""
        self.faults = NoFaults()

    def _rpc_over(self, devnet: Devnet) -> Rpc:
        apis = self._apis
        if apis is None:
            apis = {*DEFAULT_APIS, _CONSENSUS_API.get(devnet.consensus, "eth")}
        commands = {
            "devnet_advance": self._advance,
            "devnet_reorg": self._reorg,
            "devnet_reset": self._reset,
            "devnet_setProducing": self._set_producing,
            **weather_commands(self),
        }
        methods = Methods(devnet, self._answers).by_name
        return Rpc(methods, commands, apis=apis, without_methods=self._without_methods)

    def _announce(self, change: Change) -> None:
        shown = self.faults.announced(change)
        if shown is not None:
            for tell in tuple(self._subscribers):
                tell(shown)

    async def __aenter__(self) -> Self:
        self.devnet.listeners.append(self._announce)
        try:
            self.http_url = f"http://{await self._listen(self._http_app(), self._port)}"
            self.ws_url = f"ws://{await self._listen(self._ws_app(), self._ws_port)}"
        except OSError:
            await self._close()
            raise
        if self._produce_every_s is not None:
            self.producer = asyncio.create_task(self._produce(self._produce_every_s), name="devnet producer")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def disconnect_subscribers(self) -> None:
        """Close every WebSocket, as a node does that restarts."""
        for socket in tuple(self._sockets):
            await socket.close()

    async def _close(self) -> None:
        if self._announce in self.devnet.listeners:
            self.devnet.listeners.remove(self._announce)
        task, self.producer = self.producer, None
        if task is not None:
            task.cancel()
        await self.disconnect_subscribers()
        for runner in self._runners:
            await runner.cleanup()
        self._runners.clear()
        if task is not None:
            with suppress(asyncio.CancelledError):
                await task

    async def _listen(self, app: web.Application, port: int) -> str:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S)
        self._runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, self._host, port).start()
        bound = runner.addresses[0]
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{host}:{bound[1]}"

    def _http_app(self) -> web.Application:
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.router.add_post("/", self._handle_http)
        app.router.add_get("/liveness", self._handle_liveness)
        self._add_login(app)
        return app

    def _ws_app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/", self._handle_ws)
        self._add_login(app)
        return app

    def _add_login(self, app: web.Application) -> None:
        if self.login is not None:
            app.router.add_post("/login", self.login.handle)

    # --- requests

    async def _handle_liveness(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "UP"})

    async def _handle_http(self, request: web.Request) -> web.StreamResponse:
        if self.login is not None and not self.login.admits(request):
            return unauthorized()
        try:
            answer = await self._rpc.answer(
                await request.read(),
                self.faults,
                authorization=request.headers.get("Authorization", ""),
            )
        except DropConnection:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        if isinstance(answer, web.Response):
            return answer
        if isinstance(answer, Delivered):
            return await answer.delivery(request, answer.body)
        response = web.Response(body=answer, content_type="application/json")
        if self._compress:
            response.enable_compression()
        return response

    async def _handle_ws(self, request: web.Request) -> web.StreamResponse:
        if self.login is not None and not self.login.admits(request):
            return unauthorized()
        socket = web.WebSocketResponse(max_msg_size=FRAME_BYTES_MAX)
        await socket.prepare(request)
        self._sockets.add(socket)
        subscriptions = Subscriptions(self._answers, self._subscription_ids)
        self._subscribers.append(subscriptions.announce)
        sender = asyncio.create_task(self._send_waiting(socket, subscriptions), name="devnet subscriber")
        try:
            await self._converse(socket, subscriptions)
        finally:
            self._subscribers.remove(subscriptions.announce)
            self._sockets.discard(socket)
            sender.cancel()
            with suppress(asyncio.CancelledError):
                await sender
        return socket

    async def _converse(self, socket: web.WebSocketResponse, subscriptions: Subscriptions) -> None:
        commands = {"eth_subscribe": subscriptions.subscribe, "eth_unsubscribe": subscriptions.unsubscribe}
        async for message in socket:
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                continue
            try:
                answer = await self._rpc.answer(
                    message.data, self.faults, transport="ws", commands=commands, batch_max=None
                )
            except DropConnection:
                answer = web.Response()
            if not isinstance(answer, bytes):  # no HTTP answer fits here: what is left is to hang up
                await socket.close()
                return
            subscriptions.queue(answer)

    async def _send_waiting(self, socket: web.WebSocketResponse, subscriptions: Subscriptions) -> None:
        """Send what is queued until the socket closes, falls silent or its reader falls too far behind."""
        while not socket.closed:
            message = await subscriptions.waiting.get()
            try:
                copies = self.faults.copies(message) if is_notification(message) else 1
            except DropConnection:
                await socket.close()
                return
            if not copies:
                return
            for _ in range(copies):
                if subscriptions.overflowed.is_set():
                    await socket.close()
                    return
                try:
                    await socket.send_str(message.decode())
                except ConnectionError:
                    return

    # --- commands of the simulation itself

    async def _advance(self, params: list[Any]) -> bytes:
        blocks = params[0] if params else 1
        if not isinstance(blocks, int) or isinstance(blocks, bool) or blocks < 1:
            raise errors.invalid_params(f"devnet_advance takes a number of blocks from 1 up, not {blocks!r}")
        for made in range(0, blocks, BLOCKS_PER_TURN):
            self.devnet.advance(min(BLOCKS_PER_TURN, blocks - made))
            await asyncio.sleep(0)
        return _encode(hex(self.devnet.head.header.number))

    async def _reorg(self, params: list[Any]) -> bytes:
        match params:
            case [int() as depth]:
                length = None
            case [int() as depth, int() as length]:
                pass
            case _:
                raise errors.invalid_params("devnet_reorg takes a depth and, if wanted, a length")
        try:
            change = self.devnet.reorg(depth, length)
        except ImpossibleReorg as error:
            raise errors.invalid_params(str(error)) from error
        return _encode(
            {
                "ancestor": hex(change.added[0].header.number - 1),
                "removed": ["0x" + block.hash.hex() for block in change.removed],
                "added": ["0x" + block.hash.hex() for block in change.added],
            }
        )

    async def _reset(self, params: list[Any]) -> bytes:
        match params:
            case []:
                self.devnet = self.devnet.reset()
            case [int() as seed] if not isinstance(seed, bool):
                self.devnet = self.devnet.reset(seed)
            case _:
                raise errors.invalid_params("devnet_reset takes a seed, if wanted")
        return _encode("0x" + self.devnet.genesis.hash.hex())

    async def _set_producing(self, params: list[Any]) -> bytes:
        match params:
            case [True]:
                self._producing.set()
            case [False]:
                self._producing.clear()
            case _:
                raise errors.invalid_params("devnet_setProducing takes true or false")
        return b"true"

    async def _produce(self, every_s: float) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        for produced in count(1):
            # Against the clock, so that making a block does not slow the next; never a burst to catch up.
            due = max(due + every_s, loop.time())
            await asyncio.sleep(due - loop.time())
            await self._producing.wait()
            if self._reorg_every is not None and produced % self._reorg_every == 0:
                rng = generator(self.devnet.seed, "reorg", produced)
                depth_max = self.devnet.head.header.number - self.devnet.state.oldest
                if depth_max:
                    self.devnet.reorg(rng.randint(1, min(REORG_DEPTH_MAX, depth_max)))
                    continue
            self.devnet.advance()
