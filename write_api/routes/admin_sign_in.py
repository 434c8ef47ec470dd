"""/api/v1/auth/admin: e-mail and password, then a second factor; nobody learns which accounts there are."""

import secrets
from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
from litestar import Request, Router, post
from litestar.openapi.datastructures import ResponseSpec

from write_api import second_factors
from write_api.acting import ANYONE, Act, Row, queries
from write_api.answer import Answer, answer
from write_api.answers.admin_sign_in import SecondFactorChallenge
from write_api.answers.tokens import Tokens
from write_api.bodies import faults
from write_api.callers import caller
from write_api.credentials import refresh_tokens, security_keys
from write_api.desk import Desk
from write_api.inputs import emails
from write_api.limiting import AUTH
from write_api.routes import admin_setup
from write_api.second_factors import SecondFactor, Wrong, relying_party
from write_api.signing_in import Attempt, new_tokens, refresh_hash

_CHALLENGE_S, _ATTEMPTS, _CHALLENGE_BYTES = 300, 5, 32


class AdminCredentials(msgspec.Struct):
    """What an administrator knows."""

    email: str
    password: str


@dataclass(frozen=True, slots=True)
class _Refused:
    """What is counted and noted although nobody is signed in."""

    why: str
    subject: tuple[str, str]
    admin: UUID | None = None
    is_locked: bool = False


@dataclass(frozen=True, slots=True)
class _SignedIn:
    admin: UUID
    session: UUID
    version: int
    refresh: str


def routes(desk: Desk) -> Router:
    @post(
        "/sign-in",
        summary="E-mail and password of an administrator",
        operation_id="signInAsAdmin",
        responses={201: ResponseSpec(SecondFactorChallenge, description="A second factor is asked for")},
        opt={"actor": ANYONE, "limit": AUTH},
    )
    async def sign_in_as_admin(request: Request[Any, Any, Any], data: AdminCredentials) -> Answer:
        with faults() as found:
            email = found.parse("email", emails.parse, data.email)
        attempt = Attempt.of(desk, request, "admin", email)
        await attempt.begin()

        async def look(act: Act) -> Row | None:
            return await act.one(queries.admin_for_sign_in, email)

        admin = await desk.office.run(request, look)
        is_right = await desk.passwords.verify(
            None if admin is None else admin["password_hash"], data.password
        )
        if admin is None or not is_right:
            raise await attempt.fail("wrong e-mail or password", admin=None if admin is None else admin["id"])
        if not admin["is_active"] or not (admin["has_totp"] or admin["security_keys"]):
            raise await attempt.fail("disabled or not set up", admin=admin["id"])
        asked = await desk.office.run(request, lambda act: _asked(desk, act, admin["id"]))
        if asked is None:
            raise await attempt.fail("disabled meanwhile", admin=admin["id"])
        return answer(asked, status=201)

    @post(
        "/second-factor",
        summary="The second factor: TOTP, a security key or a recovery code",
        operation_id="answerSecondFactor",
        responses={201: ResponseSpec(Tokens, description="Signed in")},
        opt={"actor": ANYONE, "limit": AUTH},
    )
    async def answer_second_factor(request: Request[Any, Any, Any], data: SecondFactor) -> Answer:
        factor = data.kind()
        outcome = await desk.office.run(request, lambda act: _answered(desk, request, act, data, factor))
        if isinstance(outcome, _Refused):
            attempt = Attempt.of(desk, request, *outcome.subject)
            if outcome.is_locked:
                await attempt.begin()
            raise await attempt.fail(outcome.why, admin=outcome.admin)
        await desk.sessions.begin(outcome.session, outcome.version)
        tokens = new_tokens(desk, "admin", outcome.admin, outcome.session, outcome.version, outcome.refresh)
        return answer(tokens, status=201)

    handlers = [sign_in_as_admin, answer_second_factor, *admin_setup.handlers(desk)]
    return Router("/auth/admin", route_handlers=handlers, tags=["sign-in"])


async def _asked(desk: Desk, act: Act, admin_id: UUID) -> SecondFactorChallenge | None:
    """A new challenge; None for one who may not act by now."""
    admin = await act.one(queries.admin_for_second_factor, admin_id)
    if admin is None:
        return None
    challenge = secrets.token_bytes(_CHALLENGE_BYTES)
    expires = datetime.now(UTC) + timedelta(seconds=_CHALLENGE_S)
    kept = msgspec.json.encode({"challenge": b64encode(challenge).decode()}).decode()
    id_ = await act.value(
        queries.issue_challenge,
        "second_factor",
        None,
        admin_id,
        challenge,
        kept,
        _ATTEMPTS,
        float(_CHALLENGE_S),
    )
    factors, options = [], None
    if admin["has_totp"]:
        factors.append("totp")
    if admin["credential_ids"]:
        factors.append("security_key")
        party = relying_party(desk.settings.sign_in)
        text = security_keys.authentication_options(
            party, challenge=challenge, registered=admin["credential_ids"]
        )
        options = msgspec.json.decode(text)
    return SecondFactorChallenge(id_, [*factors, "recovery_code"], options, _ATTEMPTS, expires)


async def _answered(
    desk: Desk, request: Request[Any, Any, Any], act: Act, data: SecondFactor, factor: str
) -> _SignedIn | _Refused:
    """Each attempt counts before it is looked at; the right one ends the challenge."""
    tried = await act.one(queries.attempt_challenge, "second_factor", data.challenge_id, b"")
    if tried is None:
        return _Refused(
            "the challenge is unknown, was answered or has expired", ("admin-challenge", "unknown")
        )
    admin = await act.one(queries.admin_for_second_factor, tried["admin_id"])
    if admin is None:
        return _Refused("disabled meanwhile", ("admin-challenge", "unknown"), tried["admin_id"])
    subject = ("admin", admin["email"])
    hashed = Attempt.of(desk, request, *subject).subject
    if await act.value(queries.sign_in_lock, hashed) is not None:
        return _Refused("locked", subject, admin["id"], is_locked=True)
    challenge = b64decode(msgspec.json.decode(tried["subject"])["challenge"])
    try:
        if data.totp is not None:
            await second_factors.use_totp(act, admin, data.totp)
        elif data.recovery_code is not None:
            await second_factors.use_recovery_code(act, admin, data.recovery_code)
        else:
            party = relying_party(desk.settings.sign_in)
            await second_factors.use_security_key(act, admin, data.security_key or {}, challenge, party)
    except Wrong as wrong:
        return _Refused(wrong.reason, subject, admin["id"])
    await act.one(queries.answer_challenge, "second_factor", challenge)
    await act.value(queries.sign_in_succeeded, hashed)
    session = uuid4()
    refresh = refresh_tokens.new(session)
    who = caller(request)
    version = await act.value(
        queries.open_admin_session,
        session,
        admin["id"],
        factor,
        refresh_hash(refresh),
        who.address,
        who.user_agent,
        float(desk.settings.sign_in.session_s),
    )
    if version is None:
        return _Refused("disabled meanwhile", subject, admin["id"])
    return _SignedIn(admin["id"], session, version, refresh)
