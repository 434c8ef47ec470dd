"""Master keys that never leave a key service: a command wraps and unwraps.

The command reads base64 on its standard input and writes base64 on its standard output, and ends with 0.
The context travels inside what is wrapped, so it binds whatever the service does. The secret of keyed
hashes lies, wrapped by the service, in the setting `index` as `<key id>:<base64>`: `new_index` makes it.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from write_api.encryption.errors import KeyCommandFailed, KeyStoreLost, KeyStoreRefused, WrapBroken
from write_api.encryption.key_entries import KEY_BYTES
from write_api.encryption.keyed_hash import derive_index_key, keyed_hash
from write_api.encryption.master_keys import Wrapped

_ANSWER_BYTES_MAX = 64 * 1024
_INDEX_CONTEXT = b"pend index secret"
_SOURCE = "the key command"


@dataclass(frozen=True, slots=True)
class KeyCommand:
    """How the service is asked: `{operation}` (wrap, unwrap) and `{key_id}` in `argv` are filled in."""

    argv: tuple[str, ...]
    time_limit_s: float = 10.0

    async def run(self, operation: str, key_id: str, given: bytes) -> bytes:
        """What the command answers to `given`."""
        argv = [part.replace("{operation}", operation).replace("{key_id}", key_id) for part in self.argv]
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError as error:
            raise KeyCommandFailed(operation, key_id, f"{argv[0]}: {error.strerror}") from error
        try:
            async with asyncio.timeout(self.time_limit_s):
                answer, _ = await process.communicate(base64.b64encode(given) + b"\n")
        except TimeoutError:
            fault = f"no answer within {self.time_limit_s:g} s"
            raise KeyCommandFailed(operation, key_id, fault) from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            raise KeyCommandFailed(operation, key_id, f"{argv[0]} ended with {process.returncode}")
        if not answer.strip() or len(answer) > _ANSWER_BYTES_MAX:
            raise KeyCommandFailed(operation, key_id, f"{len(answer)} bytes are no answer")
        try:
            return base64.b64decode(b"".join(answer.split()), validate=True)
        except binascii.Error:
            raise KeyCommandFailed(operation, key_id, "the answer is not base64") from None


class CommandKeys:
    """The keys of a key service; `ids` names the current one and those that older data keys name."""

    source = _SOURCE

    def __init__(self, command: KeyCommand, current_id: str, ids: frozenset[str], index: bytes) -> None:
        self.current_id = current_id
        self._command, self._ids = command, ids | {current_id}
        self._index_key = derive_index_key(index)

    def ids(self) -> frozenset[str]:
        return self._ids

    async def wrap(self, key: bytes, context: bytes) -> Wrapped:
        return await _wrap(self._command, self.current_id, key, context)

    async def unwrap(self, wrapped: Wrapped, context: bytes) -> bytes:
        if wrapped.key_id not in self._ids:
            raise KeyStoreLost(_SOURCE, wrapped.key_id)
        return await _unwrap(self._command, wrapped, context)

    def keyed_hash(self, purpose: str, text: str) -> bytes:
        return keyed_hash(self._index_key, purpose, text)


async def open_command_keys(
    command: KeyCommand, current_id: str, old_ids: Sequence[str], index: str
) -> CommandKeys:
    """Unwrap `index`, so that a service that does not answer shows at start, and serve from then on."""
    key_id, colon, blob = index.partition(":")
    try:
        wrapped = Wrapped(key_id, base64.b64decode(blob, validate=True))
    except ValueError:
        colon = ""
    if not colon:
        raise KeyStoreRefused(_SOURCE, "the setting of the wrapped index secret is not <key id>:<base64>")
    if key_id not in {current_id, *old_ids}:
        raise KeyStoreLost(_SOURCE, key_id)
    secret = await _unwrap(command, wrapped, _INDEX_CONTEXT)
    return CommandKeys(command, current_id, frozenset(old_ids), secret)


async def new_index(command: KeyCommand, key_id: str) -> str:
    """A new index secret, wrapped by `key_id`, as the setting keeps it; once in the life of a database."""
    wrapped = await _wrap(command, key_id, secrets.token_bytes(KEY_BYTES), _INDEX_CONTEXT)
    return f"{key_id}:{base64.b64encode(wrapped.blob).decode()}"


async def _wrap(command: KeyCommand, key_id: str, key: bytes, context: bytes) -> Wrapped:
    assert len(key) == KEY_BYTES
    return Wrapped(key_id, await command.run("wrap", key_id, hashlib.sha256(context).digest() + key))


async def _unwrap(command: KeyCommand, wrapped: Wrapped, context: bytes) -> bytes:
    opened = await command.run("unwrap", wrapped.key_id, wrapped.blob)
    bound, key = opened[:32], opened[32:]
    if len(key) != KEY_BYTES or not hmac.compare_digest(bound, hashlib.sha256(context).digest()):
        raise WrapBroken(wrapped.key_id)
    return key
