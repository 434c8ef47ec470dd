"""The Ed25519 keys that sign access tokens (RFC 8037).

Rotation makes a new current key; the older ones still verify until no token of theirs can be valid. A
running server notices within seconds, and keeps the keys it has where the file became unusable.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from write_api.credentials import signing_key_file
from write_api.credentials.signing_key_file import SigningKeysInvalid, StoredKey, StoredKeys

__all__ = ["SigningKey", "SigningKeys", "SigningKeysInvalid", "create", "rotate"]

_LOOK_INTERVAL_S = 1.0


def create(path: Path, now: datetime) -> str:
    """Write a file with one new key and return its kid. Raises `FileExistsError` where there is one."""
    key = signing_key_file.new_key(now)
    with signing_key_file.locked(path):
        if path.exists():
            raise FileExistsError(f"{path} exists: rotate its keys instead")
        signing_key_file.write(path, StoredKeys(current=key.kid, keys=(key,)))
    return key.kid


def rotate(path: Path, keep_s: float, now: datetime) -> str:
    """Make a new current key and return its kid; keys retired for longer than `keep_s` are dropped.

    `keep_s` is the lifetime of an access token and a margin of some seconds, for until a server looks
    again it signs with the key just retired. Raises `SigningKeysInvalid`.
    """
    key = signing_key_file.new_key(now)
    with signing_key_file.locked(path):
        found = signing_key_file.read(path)
        retired = (_retired(each, now) for each in found.keys)
        kept = tuple(each for each in retired if _verifies(each, keep_s, now))
        signing_key_file.write(path, StoredKeys(current=key.kid, keys=(key, *kept)))
    return key.kid


@dataclass(frozen=True, slots=True)
class SigningKey:
    kid: str
    private: Ed25519PrivateKey
    public: Ed25519PublicKey


class SigningKeys:
    """The keys of `path`, looked at again at most once a second. Raises `SigningKeysInvalid` when made."""

    def __init__(
        self,
        path: Path,
        keep_s: float,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._keep_s = keep_s
        self._now = now
        self._monotonic = monotonic
        self.fault: SigningKeysInvalid | None = None
        """Why the file was not read again when it last changed, for the log and the health answer."""
        self._looked_at = monotonic()
        self._stamp = self._found_stamp()
        self._take(signing_key_file.read(path))

    def current(self) -> SigningKey:
        """The key to sign with."""
        self._look()
        return self._current

    def find(self, kid: str) -> Ed25519PublicKey | None:
        """The key to verify with: the current one, or one retired for no longer than `keep_s`."""
        self._look()
        found = self._by_kid.get(kid)
        if found is None:
            return None
        stored, public = found
        if stored.retired_at is not None and not _verifies(stored, self._keep_s, self._now()):
            return None
        return public

    def public_jwks(self) -> dict[str, list[dict[str, str]]]:
        """The keys that verify now, as a JWK set without private parts; the current one first."""
        self._look()
        now = self._now()
        stored = [key for key, _ in self._by_kid.values() if _verifies(key, self._keep_s, now)]
        stored.sort(key=lambda key: key.retired_at is not None)
        return {"keys": [key.public_jwk() for key in stored]}

    def _look(self) -> None:
        at = self._monotonic()
        if at - self._looked_at < _LOOK_INTERVAL_S:
            return
        self._looked_at = at
        # Taken before the file is read: a change in between is seen the next time.
        stamp = self._found_stamp()
        if stamp is not None and stamp == self._stamp:
            return
        try:
            self._take(signing_key_file.read(self._path))
        except SigningKeysInvalid as error:
            self.fault, self._stamp = error, None
        else:
            self.fault, self._stamp = None, stamp

    def _found_stamp(self) -> tuple[int, ...] | None:
        try:
            return signing_key_file.stamp(self._path)
        except OSError:
            return None

    def _take(self, keys: StoredKeys) -> None:
        private = {key.kid: key.private_key() for key in keys.keys}
        self._by_kid: dict[str, tuple[StoredKey, Ed25519PublicKey]] = {
            key.kid: (key, private[key.kid].public_key()) for key in keys.keys
        }
        signer = private[keys.current]
        self._current = SigningKey(keys.current, signer, signer.public_key())


def _retired(key: StoredKey, now: datetime) -> StoredKey:
    return key if key.retired_at else msgspec.structs.replace(key, retired_at=now)


def _verifies(key: StoredKey, keep_s: float, now: datetime) -> bool:
    return key.retired_at is None or (now - key.retired_at).total_seconds() <= keep_s
