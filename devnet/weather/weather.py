"""The weather over one server: which spell strikes which request, and how often each has struck."""

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence

from aiohttp import web

from devnet.chain import Change, Devnet
from devnet.faults import Call, Delivery, Exchange
from devnet.login import Login
from devnet.subscriptions import notified
from devnet.weather.fault import OnAnswer, OnExchange, OnNotification, Scene
from devnet.weather.networks import Behind, Lagging, change_between
from devnet.weather.spells import Bounds, Spell
from devnet.weather.subject import block_number, identity, notification_call

# Requests whose attempts are remembered; one forgotten counts as never made.
REQUESTS_MAX = 1_000_000


class Attempts:
    """How often each request was made, for as many requests as fit, least recently made out first."""

    def __init__(self, requests_max: int = REQUESTS_MAX) -> None:
        self._requests_max = requests_max
        self._made: OrderedDict[bytes, int] = OrderedDict()

    def next(self, request: bytes) -> int:
        """The number of this attempt, from 0."""
        attempt = self._made.pop(request, 0)
        self._made[request] = attempt + 1
        if len(self._made) > self._requests_max:
            self._made.popitem(last=False)
        return attempt


class Weather:
    """Faults by spells: the first that strikes a request is served.

    Commands of the simulation (`devnet_*`) are always answered. A batch is one request, known by its first
    call. `struck` counts by name what was served.
    """

    def __init__(
        self,
        devnet: Devnet,
        spells: Sequence[Spell],
        *,
        seed: int | None = None,
        login: Login | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.spells = tuple(spells)
        self.seed = devnet.seed if seed is None else seed
        self.struck: Counter[str] = Counter()
        self._scene = Scene(devnet, login)
        self._shown = devnet.head  # what subscribers were last told
        self._clock, self._since = clock, clock()
        self._requests = 0
        self._strikes = [0] * len(self.spells)
        self._exchanges, self._answers, self._notifications = Attempts(), Attempts(), Attempts()
        numbered = tuple(enumerate(self.spells))
        self._on_exchange = [
            (index, spell, spell.fault) for index, spell in numbered if isinstance(spell.fault, OnExchange)
        ]
        self._on_answer = [
            (index, spell, spell.fault) for index, spell in numbered if isinstance(spell.fault, OnAnswer)
        ]
        self._on_notification = [
            (index, spell, spell.fault)
            for index, spell in numbered
            if isinstance(spell.fault, OnNotification)
        ]
        self._lagging = [
            (index, spell, spell.fault)
            for index, spell in numbered
            if isinstance(spell.fault, Lagging) and spell.probability == 1
        ]

    @property
    def devnet(self) -> Devnet:
        return self._scene.devnet

    @devnet.setter
    def devnet(self, devnet: Devnet) -> None:
        self._scene.devnet = devnet
        self._shown = devnet.head

    async def before(self, exchange: Exchange) -> web.Response | Delivery | None:
        if exchange.transport == "http":
            self._requests += 1
        if not self._on_exchange or not exchange.calls or any(map(_is_command, exchange.calls)):
            return None
        requests = [identity(call) for call in exchange.calls]
        attempts = {request: self._exchanges.next(request) for request in dict.fromkeys(requests)}
        first, request = exchange.calls[0], requests[0]
        for index, spell, fault in self._on_exchange:
            if fault.applies(exchange, self._scene) and self._strikes_at(
                index, spell, first, request, attempts[request]
            ):
                self._count(index, spell)
                return await fault.strike(exchange, self._scene)
        return None

    def after(self, call: Call, answer: bytes) -> bytes:
        if not self._on_answer or _is_command(call):
            return answer
        request = identity(call)
        attempt = self._answers.next(request)
        for index, spell, fault in self._on_answer:
            if self._strikes_at(index, spell, call, request, attempt):
                spoilt = fault.spoil(call, answer, self._scene)
                if spoilt is not None and spoilt != answer:
                    self._count(index, spell)
                    return spoilt
        return answer

    def announced(self, change: Change) -> Change | None:
        """`change`, or with a lag that is no matter of chance, the way to the head that lags."""
        if not self._lagging:
            return change
        call = Call("eth_subscription", [], None)
        due = [fault.behind for index, spell, fault in self._lagging if self._is_due(index, spell, call)]
        behind = max(due, default=0)
        head = Behind(self.devnet, behind).head
        shown = change_between(self.devnet, self._shown, head)
        if not shown.added:
            return None  # a node that falls behind says nothing until it gets beyond what it said
        self._shown = head
        return shown

    def copies(self, notification: bytes) -> int:
        if not self._on_notification:
            return 1
        call = notification_call(notified(notification))
        request = identity(call)
        attempt = self._notifications.next(request)
        for index, spell, fault in self._on_notification:
            if self._strikes_at(index, spell, call, request, attempt):
                self._count(index, spell)
                return fault.copies()
        return 1

    def _strikes_at(self, index: int, spell: Spell, call: Call, request: bytes, attempt: int) -> bool:
        return self._is_due(index, spell, call) and spell.falls_on(self.seed, request, attempt)

    def _is_due(self, index: int, spell: Spell, call: Call) -> bool:
        """Whether everything but chance lets `spell` strike `call` now."""
        if spell.strikes is not None and self._strikes[index] >= spell.strikes:
            return False
        if spell.methods is not None and call.method not in spell.methods:
            return False
        return (
            _within(spell.requests, self._requests)
            and (spell.seconds is None or _within(spell.seconds, self._clock() - self._since))
            and (spell.blocks is None or _within(spell.blocks, block_number(call, self.devnet)))
        )

    def _count(self, index: int, spell: Spell) -> None:
        self._strikes[index] += 1
        self.struck[spell.name] += 1


def _is_command(call: Call) -> bool:
    return call.method.startswith("devnet_")


def _within(bounds: Bounds | None, value: float) -> bool:
    return bounds is None or bounds[0] <= value <= bounds[1]
