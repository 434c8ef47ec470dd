"""Master keys wrap data keys: from a file, an environment variable or the command of a key service.

A wrapped key is bound to its context, for whom the data key is, and opens for nobody else. Random nonces
of 96 bits: a master key should wrap fewer than 2**32 data keys (NIST SP 800-38D, 8.3), then be rotated.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from write_api.encryption.errors import KeyStoreLost, KeyStoreRefused, WrapBroken
from write_api.encryption.key_entries import KEY_BYTES, KeyEntries, parse
from write_api.encryption.key_file import read_key_file
from write_api.encryption.keyed_hash import derive_index_key, keyed_hash

_VERSION = b"\x01"
_NONCE_BYTES = 12
_PURPOSE = b"pend wrapped data key"


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A data key as the database keeps it."""

    key_id: str
    blob: bytes = field(repr=False)


class MasterKeys(Protocol):
    """What wraps data keys and keys the hashes."""

    @property
    def source(self) -> str:
        """Where the keys come from, for messages."""
        ...

    @property
    def current_id(self) -> str:
        """The key that wraps."""
        ...

    def ids(self) -> frozenset[str]:
        """Every key that can unwrap."""
        ...

    async def wrap(self, key: bytes, context: bytes) -> Wrapped:
        """`key` under the current master key, for `context` alone."""
        ...

    async def unwrap(self, wrapped: Wrapped, context: bytes) -> bytes:
        """The data key; raises `KeyStoreLost` or `WrapBroken`."""
        ...

    def keyed_hash(self, purpose: str, text: str) -> bytes:
        """32 bytes that stay the same through every rotation of master keys."""
        ...


class EnvironmentKeys:
    """The keys of a text, read once: a rotation needs a restart."""

    def __init__(self, entries: KeyEntries, source: str) -> None:
        self.source = source
        self._entries = entries
        self._index_key = derive_index_key(entries.index)

    @property
    def current_id(self) -> str:
        return self._entries.current

    def ids(self) -> frozenset[str]:
        return frozenset(self._entries.master)

    async def wrap(self, key: bytes, context: bytes) -> Wrapped:
        assert len(key) == KEY_BYTES
        key_id, nonce = self._entries.current, os.urandom(_NONCE_BYTES)
        cipher = AESGCM(self._entries.master[key_id])
        return Wrapped(key_id, _VERSION + nonce + cipher.encrypt(nonce, key, _bound(key_id, context)))

    async def unwrap(self, wrapped: Wrapped, context: bytes) -> bytes:
        master = self._entries.master.get(wrapped.key_id)
        if master is None:
            raise KeyStoreLost(self.source, wrapped.key_id)
        version, nonce, sealed = wrapped.blob[:1], wrapped.blob[1:13], wrapped.blob[13:]
        if version != _VERSION or len(nonce) != _NONCE_BYTES:
            raise WrapBroken(wrapped.key_id)
        try:
            return AESGCM(master).decrypt(nonce, sealed, _bound(wrapped.key_id, context))
        except InvalidTag:
            raise WrapBroken(wrapped.key_id) from None

    def keyed_hash(self, purpose: str, text: str) -> bytes:
        return keyed_hash(self._index_key, purpose, text)


class FileKeys(EnvironmentKeys):
    """The keys of a file; a key added to it is seen without a restart."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = _state(path)
        super().__init__(read_key_file(path), f"key file {path}")

    async def wrap(self, key: bytes, context: bytes) -> Wrapped:
        self._look()
        return await super().wrap(key, context)

    async def unwrap(self, wrapped: Wrapped, context: bytes) -> bytes:
        if wrapped.key_id not in self._entries.master:
            self._look()
        return await super().unwrap(wrapped, context)

    def _look(self) -> None:
        """Read the file again if it is another; a file that is gone for now changes nothing."""
        state = _state(self._path)
        if state is not None and state != self._seen:
            entries = read_key_file(self._path)
            if entries.index != self._entries.index:
                raise KeyStoreRefused(self.source, "the index secret is another; no hash would be found")
            self._entries, self._seen = entries, state


def keys_of_environment(name: str, environment: Mapping[str, str]) -> EnvironmentKeys:
    """The keys of the variable `name`; the settings hand in the environment."""
    source = f"environment variable {name}"
    if not environment.get(name):
        raise KeyStoreLost(source)
    return EnvironmentKeys(parse(environment[name], source), source)


def check_named(keys: MasterKeys, named: Mapping[str, int]) -> None:
    """Raise `KeyStoreLost` if one of the ids, which so many data keys name, is not there; for start-up."""
    for key_id, data_keys in sorted(named.items(), key=lambda each: -each[1]):
        if key_id not in keys.ids():
            raise KeyStoreLost(keys.source, key_id, data_keys)


def _bound(key_id: str, context: bytes) -> bytes:
    name = key_id.encode()
    return _PURPOSE + _VERSION + bytes([len(name)]) + name + context


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
