"""One request, one short transaction: who acts is said first, what was answered is kept last.

Row-level security, guards and the audit trail act on what `Act` says; nothing of it outlives the transaction.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import msgspec
from litestar import Request
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from postgres.connections import OwnConnection
from postgres.errors import Conflict, Refused, translated
from postgres.queries import Query, load
from postgres.reader import Reader
from write_api.answer import Answer
from write_api.bodies import whole_body
from write_api.callers import Caller, caller
from write_api.data_keys import DataKey, KeyRing
from write_api.panel_events import PanelEvent, PanelEvents
from write_api.problems import (
    Forbidden,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    NotSignedIn,
    VersionMissing,
    VersionStale,
    of_rule,
)

queries = load("write")

T = TypeVar("T")
Row = asyncpg.Record

ANYONE, USER, ADMIN, EITHER = "anyone", "user", "admin", "either"
"""Whom a route is for: `opt={"actor": USER}`; administrators also need its `permission`."""
_ATTEMPTS = 5
_KEY_CHARACTERS_MAX = 255


@dataclass(slots=True)
class Act:
    """What a route does its work with, for as long as its transaction is open."""

    connection: OwnConnection
    caller: Caller
    keys: KeyRing
    user_id: UUID | None = None
    tier: int = 0
    wallet: bytes = b""
    admin_id: UUID | None = None
    role: str = ""
    permissions: frozenset[str] = frozenset()
    events: list[PanelEvent] = field(default_factory=list)
    after: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    """Done once the transaction is committed, such as sending a code. Their failure fails the request."""

    @property
    def me(self) -> UUID:
        """The user or administrator who acts."""
        found = self.user_id or self.admin_id
        assert found is not None, "nobody acts here"
        return found

    async def one(self, query: Query, *arguments: Any) -> Row | None:
        with translated():
            return await query.one(self.connection, *arguments)

    async def many(self, query: Query, *arguments: Any) -> list[Row]:
        with translated():
            return await query.many(self.connection, *arguments)

    async def value(self, query: Query, *arguments: Any) -> Any:
        with translated():
            return await query.value(self.connection, *arguments)

    async def exec(self, query: Query, *arguments: Any) -> str:
        with translated():
            return await query.exec(self.connection, *arguments)

    def may(self, permission: str) -> bool:
        return permission in self.permissions

    def require(self, permission: str) -> None:
        """Raises `Forbidden`."""
        if not self.may(permission):
            raise Forbidden(f"this needs the permission {permission}", rule=permission)

    async def justify(self, why: str) -> None:
        """The reason that the audit trail gives for what follows."""
        await self.value(queries.justify, why)

    async def audit(self, action: str, resource_type: str, resource_id: object, **details: Any) -> None:
        """Note in the audit trail what changes no row: a download, an export, opened personal data."""
        await self.value(
            queries.audit_access,
            action,
            resource_type,
            str(resource_id),
            msgspec.json.encode(details).decode(),
        )

    async def security_event(
        self,
        kind: str,
        severity: str,
        *,
        user: UUID | None = None,
        admin: UUID | None = None,
        taken: str | None = None,
        **indicators: Any,
    ) -> None:
        """Note what looked like an attack, in this transaction."""
        who = self.caller
        await self.value(
            queries.record_security_event,
            kind,
            severity,
            user,
            admin,
            who.address,
            who.user_agent,
            None,
            who.request_id,
            msgspec.json.encode(indicators).decode(),
            taken,
        )

    def announce(self, name: str, room: str | tuple[str, ...], **data: Any) -> None:
        """Tell the panel's room, or each that is in one of several, once the transaction is committed."""
        self.events.append(PanelEvent(name, room, data))

    async def key_of(self, user_id: UUID) -> DataKey | None:
        """The data key of a user as far as who acts may use it; None: none yet, erased, or not allowed."""
        row = await self.one(queries.select_user_key, user_id)
        return (
            None if row is None else await self.keys.unwrap(row["id"], row["wrapped"], row["master_key_id"])
        )

    async def my_key(self) -> DataKey:
        """The data key of the user who acts, made when there is none."""
        assert self.user_id is not None
        key = await self.key_of(self.user_id)
        if key is None:
            await self.new_key("user")
            key = await self.key_of(self.user_id)  # that of a request which was faster, if there was one
            assert key is not None
        return key

    async def new_key(self, purpose: str) -> DataKey:
        """A new data key of the user who acts: `user`, or `document` for one file."""
        key = self.keys.new()
        wrapped = await self.keys.wrap(key)
        await self.exec(queries.insert_user_key, key.id, self.user_id, wrapped.blob, wrapped.key_id, purpose)
        return key


Work = Callable[[Act], Awaitable[T]]


@dataclass(slots=True)
class Office:
    """Runs the work of routes. `system_key` seals kept answers."""

    sessions: Reader
    keys: KeyRing
    system_key: DataKey
    panel: PanelEvents

    async def run(self, request: Request[Any, Any, Any], work: Work[T]) -> T:
        """`work` in a transaction of its own, as whom the token names; again when it met another one.

        Raises `NotSignedIn`, `Forbidden`, whatever `work` raises, and the errors of postgres.errors.
        """
        opt = request.route_handler.opt
        return await self.run_as(caller(request), opt["actor"], opt.get("permission"), work)

    async def run_as(self, who: Caller, actor: str, permission: str | None, work: Work[T]) -> T:
        """The same for whoever asks otherwise than by a request."""
        return await self._attempts(lambda: self._once(who, actor, permission, work))

    async def write(self, request: Request[Any, Any, Any], work: Work[Answer]) -> Answer:
        """The same for a POST: who repeats it with its Idempotency-Key is given its answer again."""
        key = request.headers.get("idempotency-key")
        if key is None:
            if request.route_handler.opt.get("idempotent") == "required":
                raise IdempotencyKeyMissing(
                    "send an Idempotency-Key of your own, a UUID for example, with this"
                )
            return await self.run(request, work)
        if not 1 <= len(key) <= _KEY_CHARACTERS_MAX or not key.isascii() or not key.isprintable():
            raise IdempotencyKeyMissing(
                f"an Idempotency-Key has 1 to {_KEY_CHARACTERS_MAX} printable characters"
            )
        body = await _hashed_body(request)
        hashed = sha256(b"\0".join((request.method.encode(), str(request.url.path).encode(), body))).digest()
        opt = request.route_handler.opt
        return await self.write_as(caller(request), opt["actor"], opt.get("permission"), key, hashed, work)

    async def write_as(
        self, who: Caller, actor: str, permission: str | None, key: str, hashed: bytes, work: Work[Answer]
    ) -> Answer:
        """`run_as`, once for a key: `hashed` tells what was asked for with it."""

        async def kept(act: Act) -> Answer:
            name = str(act.user_id or act.admin_id or self.keys.keyed_hash("idempotency", who.address).hex())
            claimed = await act.one(queries.claim_idempotency_key, name, key, hashed)
            assert claimed is not None
            if not claimed["is_new"]:
                return self._again(claimed, hashed, name, key)
            made = await work(act)
            row = f"{name}:{key}"
            head = msgspec.json.encode([made.version, made.media_type_, made.headers_])
            await act.value(
                queries.keep_idempotent_answer,
                name,
                key,
                made.status,
                self.system_key.seal(head.decode(), row=row, column="headers"),
                self.system_key.seal(made.body.decode(), row=row, column="response"),
            )
            return made

        return await self.run_as(who, actor, permission, kept)

    def _again(self, claimed: Row, hashed: bytes, actor: str, key: str) -> Answer:
        if claimed["request_hash"] != hashed:
            raise IdempotencyKeyReused("this Idempotency-Key was sent with another request; take a new one")
        row = f"{actor}:{key}"
        head = self.system_key.open(claimed["headers"], row=row, column="headers")
        body = self.system_key.open(claimed["response"], row=row, column="response")
        assert head is not None
        assert body is not None, "a claimed key whose transaction was committed has its answer"
        version, media_type, headers = msgspec.json.decode(
            head, type=tuple[int | None, str, tuple[tuple[bytes, bytes], ...]]
        )
        return Answer(
            body.encode(),
            claimed["status"],
            version,
            media_type,
            (*headers, (b"idempotency-replayed", b"true")),
        )

    async def _attempts(self, once: Callable[[], Awaitable[T]]) -> T:
        with suppress(Conflict):  # as good as always the first attempt is the last
            return await once()
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(Conflict),
            stop=stop_after_attempt(_ATTEMPTS - 1),
            wait=wait_random_exponential(multiplier=0.01, max=0.2),
            reraise=True,
        ):
            with attempt:
                return await once()
        raise AssertionError("tenacity raises or returns")

    async def _once(self, who: Caller, actor: str, permission: str | None, work: Work[T]) -> T:
        try:
            async with self.sessions.connection() as connection, connection.transaction():
                act = await self._enter(connection, who, actor, permission)
                done = await work(act)
        except Refused as error:
            raise of_rule(error) from error
        for follow_up in act.after:
            await follow_up()
        await self.panel.tell(act.events)
        return done

    async def _enter(self, connection: OwnConnection, who: Caller, actor: str, permission: str | None) -> Act:
        act = Act(connection, who, self.keys)
        if actor == ANYONE:
            await act.value(queries.enter_anyone, who.request_id, who.address)
            return act
        claims = who.signed_in()
        if actor not in {claims.kind, EITHER}:
            raise Forbidden(f"this is for {'administrators' if actor == ADMIN else 'users'}", rule="actor")
        enter = queries.enter_user if claims.kind == USER else queries.enter_admin
        row = await act.one(enter, claims.session, claims.session_version, who.request_id, who.address)
        if row is None:
            raise NotSignedIn("this session has ended; sign in again")
        if claims.kind == USER:
            act.user_id, act.tier, act.wallet = row["user_id"], row["tier"], row["blockchain_address"]
            return act
        act.admin_id, act.role, act.permissions = row["admin_id"], row["role"], frozenset(row["permissions"])
        if permission is not None:
            act.require(permission)
        return act


def expected_version(request: Request[Any, Any, Any]) -> int:
    """The version in If-Match, as the ETag of a read gave it. Raises `VersionMissing`."""
    given = request.headers.get("if-match", "").strip().removeprefix("W/").strip('"')
    if not given.isdecimal() or not given.isascii() or len(given) > 9:
        raise VersionMissing("read it first, and send its ETag as If-Match")
    return int(given)


def require_version(given: int, current: int) -> None:
    """Raises `VersionStale`."""
    if given != current:
        raise VersionStale(given, current)


async def _hashed_body(request: Request[Any, Any, Any]) -> bytes:
    if request.route_handler.opt.get("streamed"):
        return request.scope.get("pend.body_hash", b"")  # type: ignore[return-value]
    return await whole_body(request)
