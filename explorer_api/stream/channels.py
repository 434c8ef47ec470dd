"""Names of channels: what a client may listen to."""

from explorer_api.parameters import address_of
from explorer_api.stream.refusal import Refusal
from service.http.problems import BadParameter

BLOCKS, TRANSACTIONS, REORGS, STATS = "blocks", "transactions", "reorgs", "stats"
NAMED = (BLOCKS, TRANSACTIONS, REORGS, STATS)
OF_ADDRESSES = ("address", "token")

_ALLOWED = f"{', '.join(NAMED)}, address:0x… or token:0x…"
_SHOWN_MAX = 60


def channel_of(text: str) -> str:
    """The one spelling of a channel. Raises `Refusal`."""
    if text in NAMED:
        return text
    kind, colon, address = text.partition(":")
    if not colon or kind not in OF_ADDRESSES:
        raise Refusal("unknown_channel", f"{text[:_SHOWN_MAX]!a} is no channel; there are {_ALLOWED}")
    try:
        return f"{kind}:0x{address_of('channel', address).hex()}"
    except BadParameter as error:
        raise Refusal("unknown_channel", error.detail) from error


def address_in(channel: str) -> bytes:
    """The address of a channel that has one."""
    return bytes.fromhex(channel[-40:])
