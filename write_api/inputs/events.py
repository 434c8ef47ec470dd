"""PURE: events of analytics, as clients report them."""

import re
from typing import Any
from uuid import UUID

import msgspec

from write_api.inputs.errors import InvalidInput

BATCH_MAX = 50
DATA_BYTES_MAX = 2_048
_TYPE = re.compile(r"[a-z_]{1,50}\Z")


def parse_type(text: object) -> str:
    """The name of a kind of event."""
    if not isinstance(text, str) or _TYPE.match(text) is None:
        raise InvalidInput("is 1 to 50 small letters and underscores, such as asset_viewed")
    return text


def parse_data(data: dict[str, Any]) -> str:
    """JSON of what the client says of an event."""
    encoded = msgspec.json.encode(data)
    if len(encoded) > DATA_BYTES_MAX:
        raise InvalidInput(f"has {len(encoded)} bytes as JSON, at most {DATA_BYTES_MAX} are kept")
    if b"\\u0000" in encoded:
        raise InvalidInput("has the character U+0000, which cannot be kept: remove it")
    return encoded.decode()


def impersonal(data: dict[str, Any]) -> str:
    """JSON of what is kept of an event without its person: which asset, and nothing that somebody wrote."""
    try:
        return msgspec.json.encode({"asset_id": UUID(data["asset_id"])}).decode()
    except (KeyError, ValueError, AttributeError, TypeError):
        return "{}"
