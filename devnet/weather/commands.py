"""JSON-RPC commands that make and clear the weather of the server they are sent to."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from devnet import errors
from devnet.faults import Faults
from devnet.weather.fault import WeatherInvalid
from devnet.weather.forecast import parse_spells
from devnet.weather.spells import Spell
from devnet.weather.weather import Weather

_encode = msgspec.json.Encoder().encode


class Outdoors(Protocol):
    """A server that weather can fall on."""

    faults: Faults

    def set_weather(self, spells: Sequence[Spell], *, seed: int | None = None) -> Weather: ...
    def clear_weather(self) -> None: ...


def weather_commands(server: Outdoors) -> Mapping[str, Callable[[list[Any]], Awaitable[bytes]]]:
    """`devnet_setWeather`, `devnet_clearWeather` and `devnet_weather`, which says what has struck so far."""

    async def set_weather(params: list[Any]) -> bytes:
        match params:
            case [given]:
                seed = None
            case [given, int() as seed] if not isinstance(seed, bool):
                pass
            case _:
                raise errors.invalid_params("devnet_setWeather takes spells and, if wanted, a seed")
        try:
            spells = parse_spells(given)
        except WeatherInvalid as error:
            raise errors.invalid_params(str(error)) from error
        server.set_weather(spells, seed=seed)
        return _encode([spell.name for spell in spells])

    async def clear_weather(_: list[Any]) -> bytes:
        struck = _struck(server.faults)
        server.clear_weather()
        return struck

    async def weather(_: list[Any]) -> bytes:
        return _struck(server.faults)

    return {
        "devnet_setWeather": set_weather,
        "devnet_clearWeather": clear_weather,
        "devnet_weather": weather,
    }


def _struck(faults: Faults) -> bytes:
    return _encode(dict(faults.struck) if isinstance(faults, Weather) else {})
