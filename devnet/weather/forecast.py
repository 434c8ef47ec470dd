"""Weather as people and other programs write it: NAME[:probability][,…], or objects with every condition."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, get_type_hints

import msgspec

from devnet.weather.fault import Fault, WeatherInvalid
from devnet.weather.kinds import KINDS, PASSING
from devnet.weather.spells import Spell

# Of a kind that is named without one: rain, not a flood.
PROBABILITY = 0.02
# Stands for every kind in PASSING.
PASSING_NAME = "passing"


def parse_text(text: str) -> tuple[Spell, ...]:
    """The spells in `NAME[:probability][,…]`; raises `WeatherInvalid`."""
    spells: list[Spell] = []
    for item in filter(None, (item.strip() for item in text.split(","))):
        name, colon, share = item.partition(":")
        try:
            probability = float(share) if colon else PROBABILITY
        except ValueError as error:
            raise WeatherInvalid(name, f"probability is 0 to 1, not {share!r}") from error
        names = PASSING if name == PASSING_NAME else (name,)
        spells += [Spell(_fault(kind, {}), probability) for kind in names]
    return tuple(spells)


def parse_spells(given: Any) -> tuple[Spell, ...]:
    """The spells in a text, or in a list of objects; raises `WeatherInvalid`.

    An object has a `kind`, the fields of `Spell` and the options of its fault.
    """
    if isinstance(given, str):
        return parse_text(given)
    if not isinstance(given, Sequence) or not all(isinstance(item, Mapping) for item in given):
        raise WeatherInvalid("", "a text NAME[:probability][,…] or a list of objects is expected")
    return tuple(_spell(item) for item in given)


def _spell(item: Mapping[str, Any]) -> Spell:
    name = str(item.get("kind", ""))
    hints = {key: hint for key, hint in get_type_hints(Spell).items() if key != "fault"}
    when = {key: _typed(name, key, value, hints[key]) for key, value in item.items() if key in hints}
    options = {key: value for key, value in item.items() if key not in hints and key != "kind"}
    return Spell(_fault(name, options), **when)


def _fault(name: str, options: Mapping[str, Any]) -> Fault:
    make = KINDS.get(name)
    if make is None:
        raise WeatherInvalid(name, f"no such kind; there are {', '.join(sorted(KINDS))}")
    plain = make()
    hints = get_type_hints(type(plain))
    allowed = [option.name for option in fields(plain) if option.name != "status"]
    for key in options:
        if key not in allowed:
            known = ", ".join(allowed) or "none"
            raise WeatherInvalid(name, f"{key!r} is neither a condition nor an option; options: {known}")
    chosen = {key: _typed(name, key, value, hints[key]) for key, value in options.items()}
    return type(plain)(**(asdict(plain) | chosen))


def _typed(name: str, key: str, value: Any, hint: Any) -> Any:
    try:
        return msgspec.convert(value, hint)
    except msgspec.ValidationError as error:
        raise WeatherInvalid(name, f"{key}: {error}") from error
