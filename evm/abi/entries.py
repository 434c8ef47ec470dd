"""Events, functions and errors of a contract as frozen values, with the hashes they are known by on chain."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from evm.abi.types import Component
from evm.primitives import Hash32, keccak256

SELECTOR_BYTES = 4


@dataclass(frozen=True, slots=True)
class Parameter(Component):
    """An argument of an event. Indexed, only a `Word` is itself in the topic; the rest is hashed."""

    indexed: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    name: str
    parameters: tuple[Parameter, ...]
    anonymous: bool = False
    signature: str = field(init=False)
    topic0: Hash32 = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "signature", signature(self.name, self.parameters))
        object.__setattr__(self, "topic0", keccak256(self.signature.encode()))

    @property
    def topic_count(self) -> int:
        """How many topics its logs have; an anonymous event has none for itself."""
        return sum(parameter.indexed for parameter in self.parameters) + (not self.anonymous)

    @property
    def indexed_positions(self) -> tuple[int, ...]:
        return tuple(at for at, parameter in enumerate(self.parameters) if parameter.indexed)


@dataclass(frozen=True, slots=True)
class Function:
    name: str
    inputs: tuple[Component, ...]
    outputs: tuple[Component, ...]
    mutability: str
    signature: str = field(init=False)
    selector: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "signature", signature(self.name, self.inputs))
        object.__setattr__(self, "selector", keccak256(self.signature.encode())[:SELECTOR_BYTES])


@dataclass(frozen=True, slots=True)
class CustomError:
    """An error that a contract declares, such as `InsufficientBalance(uint256)`."""

    name: str
    inputs: tuple[Component, ...]
    signature: str = field(init=False)
    selector: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "signature", signature(self.name, self.inputs))
        object.__setattr__(self, "selector", keccak256(self.signature.encode())[:SELECTOR_BYTES])


Entry: TypeAlias = Event | Function | CustomError


@dataclass(frozen=True, slots=True)
class Abi:
    """What a contract declares, in the order it declares it. Overloads stand side by side."""

    events: tuple[Event, ...] = ()
    functions: tuple[Function, ...] = ()
    errors: tuple[CustomError, ...] = ()


def signature(name: str, parameters: Iterable[Component]) -> str:
    """Canonical text, such as `Transfer(address,address,uint256)`: what is hashed into topic and selector."""
    return f"{name}({','.join(parameter.type.canonical for parameter in parameters)})"


def argument_names(parameters: Sequence[Component]) -> tuple[str, ...]:
    """One name for each: `arg<position>` where there is none; the second `x` becomes `x_2`."""
    taken: set[str] = set()
    given = {parameter.name for parameter in parameters}
    names = []
    for at, parameter in enumerate(parameters):
        wanted = name = parameter.name or f"arg{at}"
        copy = 1
        while name in taken or (name in given and name != parameter.name):
            copy += 1
            name = f"{wanted}_{copy}"
        taken.add(name)
        names.append(name)
    return tuple(names)
