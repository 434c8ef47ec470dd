"""Every kind of weather by its name."""

from collections.abc import Callable, Mapping
from functools import partial

from devnet.weather.answers import (
    EmptyReceipts,
    ForeignReceipts,
    LogRangeRefused,
    MissingLogs,
    NullBlock,
    NullReceipts,
    RemovedLogs,
    ShortReceipts,
)
from devnet.weather.fault import Fault
from devnet.weather.networks import HeadBack, Lagging, OtherBranch, OtherChainId, ResetNetwork
from devnet.weather.sockets import SocketDropped, SocketFlood, SocketSilent
from devnet.weather.transport import (
    BatchRefused,
    ConnectionDropped,
    CutShort,
    HtmlPage,
    HttpStatus,
    Oversize,
    Stalled,
    TokenExpired,
    Trickle,
    TruncatedJson,
    WrongContentType,
)

# Statuses that a node or what stands before it answers under strain.
STATUSES = (413, 429, 500, 502, 503, 504)

_MAKERS: tuple[Callable[..., Fault], ...] = (
    HeadBack,
    Lagging,
    OtherBranch,
    OtherChainId,
    ResetNetwork,
    NullBlock,
    NullReceipts,
    EmptyReceipts,
    ShortReceipts,
    ForeignReceipts,
    MissingLogs,
    RemovedLogs,
    LogRangeRefused,
    *(partial(HttpStatus, status) for status in STATUSES),
    ConnectionDropped,
    BatchRefused,
    TokenExpired,
    Stalled,
    Trickle,
    Oversize,
    TruncatedJson,
    CutShort,
    WrongContentType,
    HtmlPage,
    SocketSilent,
    SocketFlood,
    SocketDropped,
)

# Called with a fault's options, all of which have defaults, each makes that fault.
KINDS: Mapping[str, Callable[..., Fault]] = {make().name: make for make in _MAKERS}
# Those after which asking again, by chance or by patience, gets the truth.
PASSING = tuple(name for name, make in KINDS.items() if make().passing)
