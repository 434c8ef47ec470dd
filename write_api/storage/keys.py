"""PURE: the names under which documents lie; never made of anything that a client sent."""

import re
from uuid import UUID

from write_api.storage.errors import KeyRefused

_KEY = re.compile(r"[a-z0-9_-]{1,64}(/[a-z0-9_-]{1,64}){0,7}", re.ASCII)


def document_key(document_id: UUID) -> str:
    """Where the document lies, spread over 256 folders."""
    return f"documents/{document_id.hex[-2:]}/{document_id.hex}"


def checked(key: str) -> str:
    """`key`, if it can only mean one object inside the storage."""
    if not _KEY.fullmatch(key):
        raise KeyRefused
    return key
