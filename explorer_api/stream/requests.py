"""What clients send: one JSON object with one request."""

from typing import Annotated

import msgspec

from explorer_api.stream.channels import channel_of
from explorer_api.stream.refusal import Refusal

Sequence = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Mark = Annotated[str, msgspec.Meta(max_length=100)] | int | float | None


class Resume(msgspec.Struct, forbid_unknown_fields=True):
    """Go on after what was received: up to one sequence for all channels, or up to one for each."""

    channels: list[str] | None = None
    sequence: Sequence | None = None
    positions: dict[str, Sequence] | None = None
    stamp: int | None = None
    """Of the row at `sequence`: tells it from one of another history that has the same number."""
    history: str | None = None
    """As the server named it: tells one database of the network from another."""

    def by_channel(self) -> dict[str, int]:
        """The last sequence received on each channel. Raises `Refusal`."""
        if self.positions is not None and self.sequence is None and self.channels is None:
            return {channel_of(name): sequence for name, sequence in self.positions.items()}
        if self.sequence is not None and self.channels is not None and self.positions is None:
            return dict.fromkeys(map(channel_of, self.channels), self.sequence)
        raise Refusal("bad_message", "resume takes either sequence and channels, or positions")


class Request(msgspec.Struct, forbid_unknown_fields=True):
    """Exactly one of these."""

    subscribe: list[str] | msgspec.UnsetType = msgspec.UNSET
    unsubscribe: list[str] | msgspec.UnsetType = msgspec.UNSET
    resume: Resume | msgspec.UnsetType = msgspec.UNSET
    ping: Mark | msgspec.UnsetType = msgspec.UNSET


_decoder = msgspec.json.Decoder(Request)


def request_of(text: str | None) -> Request:
    """A message as a request. Raises `Refusal`."""
    if text is None:
        raise Refusal("bad_message", "messages are JSON text, not bytes", close_code=1003)
    try:
        request = _decoder.decode(text)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Refusal("bad_message", f"no request: {str(error)[:200]}") from error
    given = sum(
        part is not msgspec.UNSET
        for part in (request.subscribe, request.unsubscribe, request.resume, request.ping)
    )
    if given != 1:
        raise Refusal("bad_message", "a message holds one of subscribe, unsubscribe, resume and ping")
    return request
