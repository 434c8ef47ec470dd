"""/api/v1/users/me/phone: a phone is registered by whoever receives the code sent to it.

The number itself is never kept: a keyed hash by which it is found, and its masked form.
"""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Router, post
from litestar.openapi.datastructures import ResponseSpec

from postgres.errors import UniqueConflict
from service.http.problems import Busy, TooManyRequests
from write_api.acting import USER, Act, queries
from write_api.answer import Answer, answer
from write_api.answers.phone import PhoneChallenge, RegisteredPhone
from write_api.bodies import faults
from write_api.desk import Desk
from write_api.inputs import codes, phones
from write_api.limiting import AUTH
from write_api.problems import Conflicting, FieldFault, Invalid, NotSignedIn
from write_api.refusals import refused

_CODE_S = 600
_ATTEMPTS = 5
_NO_COUNTRY = "001"


class PhoneNumber(msgspec.Struct):
    """With + and the country's code."""

    phone: str


class PhoneCode(msgspec.Struct):
    """The code that was sent."""

    challenge_id: UUID
    code: str


class _Registering(msgspec.Struct):
    """What a challenge remembers of a phone."""

    phone_hash: str
    masked: str
    country: str | None


def routes(desk: Desk) -> Router:
    def sent_to(phone_hash: str) -> bytes:
        """Whom sent codes are counted for: the phone, whoever asks."""
        return desk.keys.keyed_hash("phone-sent", phone_hash)

    def answered_by(user: UUID) -> bytes:
        """Whom wrong codes are counted for, over all challenges."""
        return desk.keys.keyed_hash("phone-code-failed", str(user))

    def kept_code(user: UUID, code: str) -> bytes:
        return desk.keys.keyed_hash("phone-code", f"{user}:{code}")

    @post(
        "/",
        summary="Send a code to your phone",
        operation_id="sendPhoneCode",
        responses={201: ResponseSpec(PhoneChallenge, description="What the code answers")},
        opt={"actor": USER, "limit": AUTH},
    )
    async def send_phone_code(request: Request[Any, Any, Any], data: PhoneNumber) -> Answer:
        with faults() as found:
            phone = found.parse("phone", phones.parse, data.phone)
        phone_hash = desk.keys.keyed_hash("phone", phone.e164).hex()
        country = None if phone.region == _NO_COUNTRY else phone.region
        subject = msgspec.json.encode(_Registering(phone_hash, phone.masked, country)).decode()
        code = f"{secrets.randbelow(10**codes.DIGITS):0{codes.DIGITS}}"

        async def send() -> None:
            minutes = _CODE_S // 60
            try:
                await desk.sender.send(
                    phone.e164, f"Your Pend code is {code}. It holds for {minutes} minutes."
                )
            except Busy as error:  # the answer is kept: with the same key it would be given, and no code sent
                raise Busy(
                    "the code could not be sent; ask for another one soon, with a new Idempotency-Key",
                    retry_after_s=30,
                ) from error

        async def issue(act: Act) -> Answer:
            await _require_unlocked(act, sent_to(phone_hash), "codes were sent to this phone")
            await act.one(queries.sign_in_failed, sent_to(phone_hash))
            expires = datetime.now(UTC) + timedelta(seconds=_CODE_S)
            challenge = await act.value(
                queries.issue_challenge,
                "phone",
                act.me,
                None,
                kept_code(act.me, code),
                subject,
                _ATTEMPTS,
                float(_CODE_S),
            )
            act.after.append(send)
            return answer(PhoneChallenge(challenge, phone.masked, expires), status=201)

        return await desk.office.write(request, issue)

    @post(
        "/verify",
        summary="Register the phone with the code",
        operation_id="verifyPhone",
        responses={201: ResponseSpec(RegisteredPhone, description="Registered")},
        opt={"actor": USER},
    )
    async def verify_phone(request: Request[Any, Any, Any], data: PhoneCode) -> Answer:
        with faults() as found:
            code = found.parse("code", codes.parse, data.code)

        async def verify(act: Act) -> Answer:
            failures = answered_by(act.me)
            await _require_unlocked(act, failures, "codes were wrong")
            row = await act.one(
                queries.attempt_challenge, "phone", data.challenge_id, kept_code(act.me, code)
            )
            if row is None or not row["is_right"]:
                counted = await act.one(queries.sign_in_failed, failures)
                assert counted is not None
                if counted["locked_until"] is not None:
                    await act.security_event(
                        "phone_code_failed",
                        "medium",
                        user=act.me,
                        taken="locked",
                        failures=counted["failures"],
                    )
                left = row["attempts_left"] if row is not None and row["user_id"] == act.me else 0
                return refused(request, _wrong_code(left))
            await act.value(queries.sign_in_succeeded, failures)
            registering = msgspec.json.decode(row["subject"], type=_Registering)
            try:
                async with act.connection.transaction():
                    done = await act.exec(
                        queries.register_phone, act.me, bytes.fromhex(registering.phone_hash)
                    )
            except UniqueConflict:
                return refused(
                    request,
                    Conflicting("this phone is registered with another account", rule="users_phone"),
                )
            if done != "UPDATE 1":
                raise NotSignedIn("this account was closed meanwhile")
            await act.value(queries.sign_in_succeeded, sent_to(registering.phone_hash))
            shown = await act.one(queries.show_phone, act.me, registering.masked, registering.country)
            assert shown is not None
            return answer(RegisteredPhone(shown["phone_number_masked"], shown["country_code"]), status=201)

        return await desk.office.write(request, verify)

    return Router("/users/me/phone", route_handlers=[send_phone_code, verify_phone], tags=["users"])


async def _require_unlocked(act: Act, subject: bytes, what: str) -> None:
    """Raises `TooManyRequests`."""
    until: datetime | None = await act.value(queries.sign_in_lock, subject)
    if until is not None:
        seconds = max(1, round((until - datetime.now(UTC)).total_seconds()))
        raise TooManyRequests(f"too many {what}; try again in {seconds} s", retry_after_s=seconds)


def _wrong_code(attempts_left: int) -> Invalid:
    todo = f"{attempts_left} attempts are left" if attempts_left > 0 else "ask for a new one"
    return Invalid([FieldFault("code", f"is wrong, was used or has expired; {todo}")])
