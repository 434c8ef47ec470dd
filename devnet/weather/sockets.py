"""Faults of what a WebSocket pushes."""

from dataclasses import dataclass

from devnet.faults import DropConnection
from devnet.weather.fault import OnNotification


@dataclass(frozen=True)
class SocketSilent(OnNotification):
    """From this notification on the connection carries nothing more; it stays open and answers pings."""

    name = "socket_silent"

    def copies(self) -> int:
        return 0


@dataclass(frozen=True)
class SocketFlood(OnNotification):
    """Each notification comes `times` times."""

    name = "socket_flood"
    times: int = 1000

    def copies(self) -> int:
        return self.times


@dataclass(frozen=True)
class SocketDropped(OnNotification):
    """The connection is closed instead of the notification."""

    name = "socket_dropped"

    def copies(self) -> int:
        raise DropConnection
