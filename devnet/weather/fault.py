"""What a fault is: a small frozen value that knows where it strikes and what is served instead."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import ClassVar

from aiohttp import web

from devnet.answers import Answers
from devnet.chain import Devnet
from devnet.faults import Call, Delivery, Exchange
from devnet.login import Login
from devnet.methods import Chain, Methods

CACHE_BYTES_MAX = 32 * 1024 * 1024


class WeatherInvalid(ValueError):
    """Weather that cannot be: which, and what is wrong with it."""

    def __init__(self, name: str, fault: str) -> None:
        self.name = name
        self.fault = fault
        super().__init__(f"weather {name!r}: {fault}")


@dataclass
class Scene:
    """What faults may look at: the server's network, its login, and what else a node may have seen."""

    devnet: Devnet
    login: Login | None = None
    _answers: Answers = field(default_factory=lambda: Answers(CACHE_BYTES_MAX))
    _elsewhere: dict["Fault", tuple[Devnet, Chain, Methods]] = field(default_factory=dict)

    def elsewhere(self, fault: "Fault", see: Callable[[Devnet], Chain]) -> tuple[Chain, Methods]:
        """The chain as `fault` sees it, made at its first strike and kept while the network is the same."""
        known = self._elsewhere.get(fault)
        if known is None or known[0] is not self.devnet:
            chain = see(self.devnet)
            known = self._elsewhere[fault] = (self.devnet, chain, Methods(chain, self._answers))
        return known[1], known[2]


@dataclass(frozen=True)
class Fault(ABC):
    """One way to misbehave; its name is the one in docs/devnet.md."""

    # False where asking again does not help: another network, another branch.
    passing: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for option in fields(self):
            value, least = getattr(self, option.name), 1 if "int" in str(option.type) else 0
            if value is not None and value < least:
                raise WeatherInvalid(self.name, f"{option.name} is at least {least}, not {value}")

    @property
    @abstractmethod
    def name(self) -> str: ...


class OnExchange(Fault):
    """Strikes a whole HTTP request."""

    def applies(self, exchange: Exchange, scene: Scene) -> bool:  # noqa: ARG002
        return exchange.transport == "http"

    @abstractmethod
    async def strike(self, exchange: Exchange, scene: Scene) -> web.Response | Delivery:
        """The response in the answer's place, or the way to send the answer. May drop the connection."""


class OnAnswer(Fault):
    """Strikes the answer to one call."""

    @abstractmethod
    def spoil(self, call: Call, answer: bytes, scene: Scene) -> bytes | None:
        """The answer instead; None where there is nothing to lie about."""


class OnNotification(Fault):
    """Strikes what a WebSocket pushes."""

    @abstractmethod
    def copies(self) -> int:
        """As `Faults.copies`."""
