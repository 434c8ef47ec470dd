"""When a fault strikes: by chance, for a number of attempts, and within bounds."""

from dataclasses import dataclass
from hashlib import blake2b

from devnet.weather.fault import Fault, WeatherInvalid

Bounds = tuple[float, float]
_CERTAIN = 2**64


@dataclass(frozen=True)
class Spell:
    """A fault and when it strikes: where every condition that is given holds.

    Whether chance strikes follows from the seed, the fault, the request and how often that same request
    was made before, never from the order of arrival. `requests`, `seconds` and `strikes` do follow time:
    they are for commands and schedules, not for runs that are to be repeated under concurrency.
    """

    fault: Fault
    probability: float = 1.0
    attempts: int | None = None  # of each request only so many are struck; None: no bound
    strikes: int | None = None  # in all; None: no bound
    blocks: Bounds | None = None  # first and last block that requests are about
    requests: Bounds | None = None  # first and last HTTP request since the weather was set, from 1
    seconds: Bounds | None = None  # since the weather was set
    methods: frozenset[str] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise WeatherInvalid(self.name, f"probability is 0 to 1, not {self.probability}")
        for bound in ("attempts", "strikes"):
            value = getattr(self, bound)
            if value is not None and value < 1:
                raise WeatherInvalid(self.name, f"{bound} is at least 1, not {value}")
        for window in ("blocks", "requests", "seconds"):
            value = getattr(self, window)
            if value is not None and value[0] > value[1]:
                raise WeatherInvalid(self.name, f"{window} end before they begin: {value[0]} > {value[1]}")

    @property
    def name(self) -> str:
        return self.fault.name

    def falls_on(self, seed: int, request: bytes, attempt: int) -> bool:
        """Whether chance strikes this attempt, the first being 0, at this request."""
        if self.attempts is not None and attempt >= self.attempts:
            return False
        drawn = blake2b(f"{seed} {self.name} {attempt} ".encode() + request, digest_size=8).digest()
        return int.from_bytes(drawn, "big") < self.probability * _CERTAIN
