"""/api/v1/admin/me/security-keys: the security keys of the administrator who asks."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec

from service.http.problems import NotFound
from write_api.acting import ADMIN, Act, queries
from write_api.answer import Answer, answer, no_content
from write_api.answers.admin_account import SecurityKey, SecurityKeyOptions, SecurityKeys
from write_api.bodies import faults
from write_api.credentials import security_keys
from write_api.credentials.security_keys import SecurityKeyRefused
from write_api.desk import Desk
from write_api.inputs import texts
from write_api.inputs.errors import InvalidInput
from write_api.limiting import AUTH
from write_api.problems import Conflicting, FieldFault, Invalid
from write_api.second_factors import challenge_of, relying_party

KEYS_MAX = 10
_CHALLENGE_S, _CHALLENGE_BYTES = 300, 32
_TRANSPORTS = frozenset({"ble", "cable", "hybrid", "internal", "nfc", "smart-card", "usb"})
_REFUSED = FieldFault(
    "credential", "does not prove a key for this page and these options: ask for options and try again"
)


class NewSecurityKey(msgspec.Struct):
    """What `navigator.credentials.create` gave, in its JSON form, and what to call it."""

    name: str
    credential: dict[str, Any]
    transports: list[str] = []


def handlers(desk: Desk) -> list[HTTPRouteHandler]:
    @post(
        "/security-keys/options",
        summary="Begin to register a security key",
        operation_id="createSecurityKeyOptions",
        responses={201: ResponseSpec(SecurityKeyOptions, description="For the browser, good once")},
        opt={"actor": ADMIN, "limit": AUTH},
    )
    async def create_options(request: Request[Any, Any, Any]) -> Answer:
        challenge = secrets.token_bytes(_CHALLENGE_BYTES)
        expires = datetime.now(UTC) + timedelta(seconds=_CHALLENGE_S)

        async def ask(act: Act) -> Answer:
            me = await act.one(queries.select_own_admin, act.me)
            assert me is not None, "who acts is there"
            _require_room(me["security_keys"])
            known = await act.many(queries.list_security_keys, act.me)
            await act.value(
                queries.issue_challenge,
                "security_key",
                None,
                act.me,
                challenge,
                "{}",
                1,
                float(_CHALLENGE_S),
            )
            options = security_keys.registration_options(
                relying_party(desk.settings.sign_in),
                admin=act.me.bytes,
                account=me["email"],
                display_name=me["name"],
                challenge=challenge,
                registered=[key["credential_id"] for key in known],
            )
            return answer(SecurityKeyOptions(msgspec.json.decode(options), expires), status=201)

        return await desk.office.write(request, ask)

    @post(
        "/security-keys",
        summary="Register a security key",
        operation_id="createSecurityKey",
        responses={201: ResponseSpec(SecurityKey, description="Registered: it signs in from now on")},
        opt={"actor": ADMIN, "limit": AUTH},
    )
    async def create_key(request: Request[Any, Any, Any], data: NewSecurityKey) -> Answer:
        with faults() as found:
            name = found.parse("name", texts.parse, data.name, characters_max=100)
            transports = found.parse("transports", _transports, data.transports)
        challenge = challenge_of(data.credential) or b""

        async def register(act: Act) -> Answer:
            asked = await act.one(queries.answer_challenge, "security_key", challenge)
            if asked is None or asked["admin_id"] != act.me:
                raise Invalid([_REFUSED])
            _require_room(len(await act.many(queries.list_security_keys, act.me)))
            try:
                party = relying_party(desk.settings.sign_in)
                made = security_keys.verify_registration(party, data.credential, challenge=challenge)
            except SecurityKeyRefused:
                raise Invalid([_REFUSED]) from None
            row = await act.one(
                queries.insert_security_key,
                act.me,
                name,
                made.credential_id,
                made.public_key,
                made.sign_count,
                transports,
            )
            assert row is not None
            await act.security_event("security_key_added", "low", admin=act.me)
            return answer(SecurityKey(**dict(row)), status=201)

        return await desk.office.write(request, register)

    @get(
        "/security-keys",
        summary="Your security keys",
        operation_id="listSecurityKeys",
        responses={200: ResponseSpec(SecurityKeys, description="All of them, the oldest first")},
        opt={"actor": ADMIN},
    )
    async def list_keys(request: Request[Any, Any, Any]) -> Answer:
        async def read(act: Act) -> Answer:
            rows = await act.many(queries.list_security_keys, act.me)
            names = SecurityKey.__struct_fields__
            return answer(SecurityKeys([SecurityKey(*(row[name] for name in names)) for row in rows]))

        return await desk.office.run(request, read)

    @delete(
        "/security-keys/{key_id:uuid}",
        status_code=204,
        summary="Remove a security key; the last second factor stays",
        operation_id="deleteSecurityKey",
        responses={204: ResponseSpec(None, description="Removed")},
        opt={"actor": ADMIN},
    )
    async def delete_key(request: Request[Any, Any, Any], key_id: UUID) -> Response[None]:
        async def remove(act: Act) -> Answer:
            if await act.value(queries.delete_security_key, act.me, key_id) is None:
                raise NotFound("you have no such security key")
            me = await act.one(queries.select_own_admin, act.me)
            assert me is not None, "who acts is there"
            if not me["has_totp"] and me["security_keys"] == 0:
                raise Conflicting(
                    "this is your last second factor; register another one first", rule="second_factor_last"
                )
            await act.security_event("security_key_removed", "low", admin=act.me)
            return no_content()

        return await desk.office.run(request, remove)

    return [create_options, create_key, list_keys, delete_key]


def _require_room(keys: int) -> None:
    if keys >= KEYS_MAX:
        raise Conflicting(f"you have {keys} security keys, which is the most; remove one", rule="keys_max")


def _transports(given: list[str]) -> list[str]:
    if not _TRANSPORTS.issuperset(given) or len(set(given)) < len(given):
        raise InvalidInput(f"are of {', '.join(sorted(_TRANSPORTS))}, each once")
    return given
