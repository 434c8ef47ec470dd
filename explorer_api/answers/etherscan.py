"""What Etherscan's clients read."""

from typing import Any

import msgspec


class Envelope(msgspec.Struct, forbid_unknown_fields=True):
    """Around every answer but those of `module=proxy`, which are JSON-RPC's."""

    status: str
    """1: answered; 0: refused, or a list without rows."""
    message: str
    """OK, NOTOK, or what an empty list is called."""
    result: Any
    """A text, an object or a list, as the action has it; numbers are decimal text. Of a refusal: why."""
