"""The file of signing keys: a JWK set with private parts, replaced whole, readable by its owner alone."""

import fcntl
import hashlib
import os
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_MODE = 0o600
_OTHERS = 0o077
_FILE_BYTES_MAX = 256 * 1024


class SigningKeysInvalid(Exception):
    """The file of signing keys cannot be used."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"signing keys in {path}: {reason}")
        self.path = path
        self.reason = reason


class StoredKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One member of the set, in the names of RFC 7517 and RFC 8037."""

    kid: str
    x: str
    d: str
    created_at: datetime
    retired_at: datetime | None = None
    kty: Literal["OKP"] = "OKP"
    crv: Literal["Ed25519"] = "Ed25519"

    def __repr__(self) -> str:
        return f"StoredKey(kid={self.kid!r})"

    def private_key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(from_base64url(self.d))

    def public_jwk(self) -> dict[str, str]:
        """The public half, as RFC 8037 spells it."""
        return {"kty": self.kty, "crv": self.crv, "x": self.x, "kid": self.kid, "use": "sig", "alg": "EdDSA"}


class StoredKeys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    current: str
    keys: tuple[StoredKey, ...]


def new_key(now: datetime) -> StoredKey:
    private = Ed25519PrivateKey.generate()
    x = to_base64url(private.public_key().public_bytes_raw())
    return StoredKey(kid=thumbprint(x), x=x, d=to_base64url(private.private_bytes_raw()), created_at=now)


def thumbprint(x: str) -> str:
    """RFC 7638, over the members that RFC 8037 requires."""
    members = f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'
    return to_base64url(hashlib.sha256(members.encode()).digest())


def stamp(path: Path) -> tuple[int, ...]:
    """What changes whenever the file is replaced or its mode is. Raises `OSError`."""
    found = path.stat()
    return found.st_mtime_ns, found.st_ino, found.st_size, found.st_mode


def read(path: Path) -> StoredKeys:
    """The checked content. Raises `SigningKeysInvalid`."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            raw = file.read(_FILE_BYTES_MAX)
    except OSError as error:
        raise SigningKeysInvalid(path, f"{error.strerror}: create them first") from error
    if mode & _OTHERS:
        raise SigningKeysInvalid(
            path, f"mode {mode & 0o777:04o} lets others read it: chmod 600, and rotate if it was shared"
        )
    try:
        found = msgspec.json.decode(raw, type=StoredKeys)
    except msgspec.MsgspecError:  # its message may quote the file
        raise SigningKeysInvalid(path, "not a set of signing keys: restore it from a copy") from None
    _check(path, found)
    return found


def write(path: Path, keys: StoredKeys) -> None:
    """Replace the file at once; a reader sees the old content or the new, a crash leaves one of them."""
    text = msgspec.json.format(msgspec.json.encode(keys), indent=2) + b"\n"
    scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123  a descriptor, made with its mode
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise
    with _opened_folder(path) as folder:
        os.fsync(folder)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One writer at a time: a rotation that another overtakes would lose a key that has signed."""
    with _opened_folder(path) as folder:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield


def from_base64url(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def to_base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


@contextmanager
def _opened_folder(path: Path) -> Iterator[int]:
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield folder
    finally:
        os.close(folder)


def _check(path: Path, found: StoredKeys) -> None:
    in_use = [key.kid for key in found.keys if key.retired_at is None]
    if in_use != [found.current]:
        raise SigningKeysInvalid(path, f"{len(in_use)} keys are not retired: `current`, and only it, must be")
    for key in found.keys:
        try:
            x = to_base64url(key.private_key().public_key().public_bytes_raw())
        except ValueError:
            raise SigningKeysInvalid(path, f"key {key.kid} has no Ed25519 private part") from None
        if key.x != x or key.kid != thumbprint(x):
            raise SigningKeysInvalid(path, f"key {key.kid} has parts that do not belong together")
        if any(at is not None and at.tzinfo is None for at in (key.created_at, key.retired_at)):
            raise SigningKeysInvalid(path, f"key {key.kid} has a time without a zone")
