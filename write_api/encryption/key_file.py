"""The key store as a file that only its owner may read; written whole or not at all."""

import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from write_api.encryption.errors import KeyStoreLost, KeyStoreRefused
from write_api.encryption.key_entries import KeyEntries, new_entries, parse, render, with_new_key

_BYTES_MAX = 1024 * 1024


def read_key_file(path: Path) -> KeyEntries:
    """The entries of `path`; refused where group or others may touch it."""
    source = f"key file {path}"
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise KeyStoreRefused(source, "is not a file")
            if found.st_mode & 0o077:
                mode = stat.S_IMODE(found.st_mode)
                raise KeyStoreRefused(source, f"has mode {mode:04o}, others may use it; chmod 0600 {path}")
            content = file.read(_BYTES_MAX + 1)
    except FileNotFoundError as error:
        raise KeyStoreLost(source) from error
    except OSError as error:
        raise KeyStoreRefused(source, f"cannot be read: {error.strerror}") from error
    if len(content) > _BYTES_MAX:
        raise KeyStoreRefused(source, "is too large for a key store")
    try:
        return parse(content.decode(), source)
    except UnicodeDecodeError:
        raise KeyStoreRefused(source, "is not UTF-8") from None


def new_key_file(path: Path) -> str:
    """A new key store at `path`, its current key's id; never in place of one that is there."""
    with _locked(path.parent):
        if path.exists():
            raise KeyStoreRefused(f"key file {path}", "is there already")
        entries = new_entries()
        _write(path, entries)
    return entries.current


def add_key(path: Path) -> str:
    """A new current key in the store at `path`, its id; older keys stay, to unwrap what they wrapped."""
    with _locked(path.parent):
        entries = with_new_key(read_key_file(path))
        _write(path, entries)
    return entries.current


def _write(path: Path, entries: KeyEntries) -> None:
    target = path.resolve()
    new = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(render(entries))
            file.flush()
            os.fsync(file.fileno())
        new.replace(target)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    with _directory(target.parent) as folder:
        os.fsync(folder)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One writer of key stores in `folder` at a time, so that no key is written over."""
    with _directory(folder) as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield


@contextmanager
def _directory(folder: Path) -> Iterator[int]:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield opened
    finally:
        os.close(opened)
