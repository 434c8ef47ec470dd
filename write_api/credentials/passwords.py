"""Passwords kept as argon2id, worked on in a few threads so that the event loop stays free."""

import secrets
import threading
from asyncio import wrap_future
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self, TypeVar

import argon2
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from write_api.credentials.password_policy import is_readable, normalised

T = TypeVar("T")

_SALT_BYTES = 16
_HASH_BYTES = 32


class TooManyAtOnce(Exception):
    """As many passwords as may wait are waiting: nothing was done, and a little later there is room."""

    def __init__(self, waiting_max: int) -> None:
        super().__init__(f"{waiting_max} passwords are being checked already; try again shortly")
        self.waiting_max = waiting_max


class PasswordHashInvalid(Exception):
    """What is stored is no argon2 hash: the row is damaged. It is never shown."""

    def __init__(self) -> None:
        super().__init__("the stored password hash is not argon2: set the password anew")


@dataclass(frozen=True, kw_only=True, slots=True)
class PasswordCost:
    """The second recommended option of RFC 9106: 64 MiB, three passes, four lanes."""

    memory_kib: int = 64 * 1024
    passes: int = 3
    lanes: int = 4


class Passwords:
    """`with Passwords() as passwords:` ends its threads; at most `threads` work and `queue_max` wait."""

    def __init__(self, cost: PasswordCost | None = None, *, threads: int = 2, queue_max: int = 32) -> None:
        cost = cost or PasswordCost()
        self._hasher = argon2.PasswordHasher(
            time_cost=cost.passes,
            memory_cost=cost.memory_kib,
            parallelism=cost.lanes,
            hash_len=_HASH_BYTES,
            salt_len=_SALT_BYTES,
            type=argon2.Type.ID,
        )
        # Of the present cost and of no password: with it an unknown account takes as long as a known one.
        salt, digest = (_encoded(secrets.token_bytes(size)) for size in (_SALT_BYTES, _HASH_BYTES))
        self._dummy = f"$argon2id$v=19$m={cost.memory_kib},t={cost.passes},p={cost.lanes}${salt}${digest}"
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="passwords")
        self._waiting_max = threads + queue_max
        self._waiting = 0
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(cancel_futures=True)

    async def hash(self, password: str) -> str:
        """The encoded argon2id hash with its own salt. Raises `TooManyAtOnce`.

        Which passwords may be set is `password_policy`'s to say.
        """
        return await self._off_loop(lambda: self._hasher.hash(_bytes(password)))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether `password` is the one behind `stored`; without an account (None) never, after equal work.

        Raises `TooManyAtOnce`, and `PasswordHashInvalid` for a damaged row.
        """
        readable = is_readable(password)
        text = _bytes(password) if readable else b""
        matches = await self._off_loop(lambda: self._matches(self._dummy if stored is None else stored, text))
        return matches and stored is not None and readable

    def _matches(self, stored: str, password: bytes) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except VerifyMismatchError:
            return False
        except (InvalidHashError, VerificationError) as error:
            raise PasswordHashInvalid from error

    async def _off_loop(self, work: Callable[[], T]) -> T:
        with self._lock:
            if self._waiting >= self._waiting_max:
                raise TooManyAtOnce(self._waiting_max)
            self._waiting += 1
        try:
            future = self._threads.submit(work)
        except BaseException:
            self._leave()
            raise
        # Called also for work that was cancelled before it began; what has begun counts until it ends.
        future.add_done_callback(self._leave)
        return await wrap_future(future)

    def _leave(self, _: Future[T] | None = None) -> None:
        with self._lock:
            self._waiting -= 1


def _bytes(password: str) -> bytes:
    return normalised(password).encode("utf-8", "surrogatepass")


def _encoded(data: bytes) -> str:
    return b64encode(data).rstrip(b"=").decode()
