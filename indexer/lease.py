"""The right to publish the outbox, and the publishing itself: each one atomic script inside Redis.

Whoever lost the lease is refused by the same script that would have published: a pause of any length
between asking and publishing does no harm. A Redis that forgot, or failed over, has another position than
the one a publisher goes on from, and refuses that too.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from service.outbox import Bounds, Message, Position, encode

STREAM_ROWS = 10_000
"""Kept in the stream, about: what a reader may miss without asking the database."""
_FORGET_S = 7 * 24 * 3600  # of an outbox whose database is gone
_RELEASE_S = 1.0

# KEYS lease, position, stream; ARGV token, milliseconds of the lease, seconds until everything is forgotten.
_HOLD = """
local holder = redis.call('GET', KEYS[1])
if not holder then
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
elseif holder == ARGV[1] then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
redis.call('EXPIRE', KEYS[2], ARGV[3])
redis.call('EXPIRE', KEYS[3], ARGV[3])
local told = redis.call('HMGET', KEYS[2], 'sequence', 'stamp')
return {(not holder or holder == ARGV[1]) and 1 or 0, told[1] or '', told[2] or ''}
"""

# KEYS as above; ARGV token, milliseconds, sequence and stamp to go on from ('' begins anew), channel, rows
# of the stream, then sequence, stamp and message of each row.
_PUBLISH = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
    return 'lost'
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
if ARGV[3] == '' then
    redis.call('DEL', KEYS[3])
else
    local told = redis.call('HMGET', KEYS[2], 'sequence', 'stamp')
    if told[1] ~= ARGV[3] or told[2] ~= ARGV[4] then
        return 'moved'
    end
end
for i = 7, #ARGV, 3 do
    local added = redis.pcall('XADD', KEYS[3], 'MAXLEN', '~', ARGV[6], ARGV[i] .. '-0', 'row', ARGV[i + 2])
    if type(added) == 'table' and added.err and not string.find(added.err, 'smaller') then
        return added
    end
    redis.call('PUBLISH', ARGV[5], ARGV[i + 2])
    redis.call('HSET', KEYS[2], 'sequence', ARGV[i], 'stamp', ARGV[i + 1])
end
return 'published'
"""

_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
    redis.call('DEL', KEYS[1])
end
return 1
"""


class Published(StrEnum):
    """What became of a page. LOST: another one holds the lease. MOVED: Redis stands elsewhere by now."""

    PUBLISHED = "published"
    LOST = "lost"
    MOVED = "moved"


@dataclass(frozen=True, slots=True)
class Held:
    """Whether the lease is ours, and the last row published by anyone; None when Redis knows of none."""

    ours: bool
    told: Position | None


@dataclass(slots=True)
class Lease:
    """One publisher's claim on one outbox. Every method but `release` raises what the driver raises."""

    client: Redis
    outbox: Bounds
    lease_s: float
    _token: str = field(default_factory=lambda: secrets.token_hex(16))

    async def hold(self) -> Held:
        """Take the lease where nobody has it, or renew it."""
        ours, sequence, stamp = await self._run(_HOLD, self._token, self._lease_ms, _FORGET_S)
        told = Position(int(sequence), int(stamp)) if sequence else None
        return Held(bool(ours), told)

    async def publish(self, after: Position | None, messages: Sequence[Message]) -> Published:
        """Publish `messages`, which go on from `after`, all or nothing; None begins anew with them.

        Nothing is published unless the lease is ours and `after` is what was published last.
        """
        on_from = ("", "") if after is None else (after.sequence, after.stamp or "")
        words: list[str | int | bytes] = [self._token, self._lease_ms, *on_from]
        words += [self.outbox.channel, STREAM_ROWS]
        for message in messages:
            words += [message.row.sequence, message.row.stamp, encode(message)]
        answer = await self._run(_PUBLISH, *words)
        return Published(answer.decode() if isinstance(answer, bytes) else answer)

    async def release(self) -> None:
        """Let go of the lease if it is ours; one that cannot be let go of expires."""
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(_RELEASE_S):
                await self._run(_RELEASE, self._token)

    @property
    def _lease_ms(self) -> int:
        return round(1000 * self.lease_s)

    async def _run(self, script: str, *words: str | int | bytes) -> Any:
        stem = self.outbox.channel
        keys = (f"{stem}:lease", f"{stem}:published", self.outbox.stream)
        return await self.client.eval(script, len(keys), *keys, *words)
