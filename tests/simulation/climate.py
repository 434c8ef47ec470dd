"""What a node may do wrong in a history and get right when asked again; small enough for thousands of steps."""

import random

from devnet.weather.fault import Fault
from devnet.weather.kinds import KINDS, PASSING
from devnet.weather.sockets import SocketFlood
from devnet.weather.spells import Spell
from devnet.weather.transport import Oversize, Stalled, Trickle

RESPONSE_BYTES_MAX = 1024 * 1024
REQUEST_TIMEOUT_S = 2.0
# What stands in one answer for the waits and sizes that devnet serves unless told otherwise.
_SMALLER: dict[str, Fault] = {
    "oversize": Oversize(mebibytes=2),
    "stalled": Stalled(wait_s=2 * REQUEST_TIMEOUT_S),
    "trickle": Trickle(pieces=5, pause_s=0.05),
    "socket_flood": SocketFlood(times=20),
}
# Without a login no token expires; logs are never asked for by range.
KINDS_SERVED = tuple(sorted(set(PASSING) - {"token_expired", "log_range_refused"}))
_RARE = frozenset({"stalled", "oversize"})  # each costs seconds or megabytes


def weather(rng: random.Random) -> list[Spell]:
    """A few kinds at once, each striking a share of the attempts at every request."""
    kinds = rng.sample(KINDS_SERVED, rng.randint(1, 4))
    return [Spell(_SMALLER.get(kind) or KINDS[kind](), _share(rng, kind)) for kind in kinds]


def _share(rng: random.Random, kind: str) -> float:
    drawn = rng.choice((0.02, 0.1, 0.2))
    return drawn / 10 if kind in _RARE else drawn
