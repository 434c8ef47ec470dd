"""PURE: the text of a key store, in a file or an environment variable.

JSON objects one after another, on one line or several, each with `id` and `key` (32 bytes in base64):
any number of master keys, exactly one of them with `"current": true`, and the secret `index`.
"""

import base64
import binascii
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from write_api.encryption.errors import KeyStoreRefused

KEY_BYTES = 32
INDEX = "index"
_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}", re.ASCII)


@dataclass(frozen=True, slots=True)
class KeyEntries:
    """Master keys by id, which of them wraps, and the secret of keyed hashes."""

    master: Mapping[str, bytes] = field(repr=False)
    current: str
    index: bytes = field(repr=False)


def new_entries() -> KeyEntries:
    """One master key and an index secret, both random."""
    key_id = _new_id()
    return KeyEntries({key_id: _new_key()}, key_id, _new_key())


def with_new_key(entries: KeyEntries) -> KeyEntries:
    """A new current master key; the others and the index secret stay."""
    key_id = _new_id()
    assert key_id not in entries.master
    return KeyEntries({**entries.master, key_id: _new_key()}, key_id, entries.index)


def render(entries: KeyEntries) -> str:
    """One entry a line, as `parse` reads it."""
    lines: list[dict[str, Any]] = [
        {"id": key_id, "key": _text(key)} | ({"current": True} if key_id == entries.current else {})
        for key_id, key in entries.master.items()
    ]
    lines.append({"id": INDEX, "key": _text(entries.index)})
    return "".join(json.dumps(line) + "\n" for line in lines)


def parse(text: str, source: str) -> KeyEntries:
    """The entries of `text`; `source` is named in faults, which never quote the text."""
    master: dict[str, bytes] = {}
    current: list[str] = []
    index: bytes | None = None
    for number, entry in enumerate(_objects(text, source), 1):
        key_id, key = entry.get("id"), _key(entry.get("key"))
        if not isinstance(key_id, str) or not _ID.fullmatch(key_id):
            raise KeyStoreRefused(source, f"entry {number} has no id of a-z, 0-9, _ and -, 32 at most")
        if key is None:
            raise KeyStoreRefused(source, f"the key of entry {key_id} is not {KEY_BYTES} bytes in base64")
        if unknown := set(entry) - {"id", "key", "current"}:
            raise KeyStoreRefused(source, f"entry {key_id} has {len(unknown)} fields not known here")
        if key_id in master or (key_id == INDEX and index is not None):
            raise KeyStoreRefused(source, f"{key_id} is there twice")
        if key_id == INDEX:
            index = key
            continue
        master[key_id] = key
        if entry.get("current") is True:
            current.append(key_id)
    if index is None:
        raise KeyStoreRefused(source, f"the entry {INDEX}, the secret of keyed hashes, is missing")
    if len(current) != 1:
        raise KeyStoreRefused(source, f"{len(current)} master keys are marked current; it must be one")
    if len({*master.values(), index}) != len(master) + 1:
        raise KeyStoreRefused(source, "two entries hold the same key")
    return KeyEntries(master, current[0], index)


def _objects(text: str, source: str) -> list[dict[str, Any]]:
    decoder, found = json.JSONDecoder(), list[dict[str, Any]]()
    text, at = text.strip(), 0
    while at < len(text):
        try:
            entry, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            raise KeyStoreRefused(source, f"entry {len(found) + 1} is not JSON") from None
        if not isinstance(entry, dict):
            raise KeyStoreRefused(source, f"entry {len(found) + 1} is not a JSON object")
        found.append(entry)
        at += len(text[at:]) - len(text[at:].lstrip())
    return found


def _key(text: object) -> bytes | None:
    if not isinstance(text, str):
        return None
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if len(key) == KEY_BYTES else None


def _text(key: bytes) -> str:
    return base64.b64encode(key).decode()


def _new_id() -> str:
    return f"k{secrets.token_hex(6)}"


def _new_key() -> bytes:
    return secrets.token_bytes(KEY_BYTES)
