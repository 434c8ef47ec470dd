"""/api/v1/auth/admin/setup: password and second factor are chosen with the token that was handed over."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from litestar import Request, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec

from write_api.acting import ANYONE, Act, Row, queries
from write_api.answer import Answer, answer
from write_api.answers.admin_sign_in import RecoveryCodes, TotpSecret
from write_api.bodies import faults
from write_api.credentials import password_policy, recovery_codes, setup_tokens, totp
from write_api.credentials.password_policy import WeakPassword
from write_api.desk import Desk
from write_api.inputs.errors import InvalidInput
from write_api.limiting import AUTH
from write_api.problems import SignInFailed
from write_api.second_factors import SECRET_COLUMN, code_hash
from write_api.signing_in import Attempt

ISSUER = "Pend"
_CODE_CHARACTERS_MAX = 16


class Setup(msgspec.Struct):
    """The token that was handed over, and the password to have from now on."""

    setup_token: str
    password: str


class SetupConfirmation(msgspec.Struct):
    """A code of the authenticator app, which ends the setup."""

    setup_token: str
    totp: str


def handlers(desk: Desk) -> list[HTTPRouteHandler]:
    @post(
        "/setup",
        summary="Choose a password and receive a TOTP secret",
        operation_id="beginAdminSetup",
        responses={
            201: ResponseSpec(TotpSecret, description="The secret, to be confirmed with a code of it")
        },
        opt={"actor": ANYONE, "limit": AUTH},
    )
    async def begin_setup(request: Request[Any, Any, Any], data: Setup) -> Answer:
        hashed = setup_tokens.digest(data.setup_token)

        async def look(act: Act) -> Row | None:
            return await act.one(queries.admin_for_setup, hashed)

        admin = await desk.office.run(request, look)
        if admin is None:
            raise await _refused(desk, request)
        with faults() as found:
            found.parse("password", strong, data.password, email=admin["email"], name=admin["name"])
        password = await desk.passwords.hash(data.password)
        secret = totp.new_secret()

        async def keep(act: Act) -> bool:
            owner = await act.one(queries.admin_for_setup, hashed)
            if owner is not None and owner["data_key_id"] is None:
                made = act.keys.new()
                wrapped = await act.keys.wrap(made)
                await act.value(queries.add_admin_key, hashed, made.id, wrapped.blob, wrapped.key_id)
                owner = await act.one(queries.admin_for_setup, hashed)
            if owner is None:
                return False
            key = await act.keys.unwrap(owner["data_key_id"], owner["wrapped"], owner["master_key_id"])
            sealed = key.seal(secret, row=owner["id"], column=SECRET_COLUMN)
            return bool(await act.value(queries.begin_setup, hashed, password, sealed))

        if not await desk.office.run(request, keep):
            raise await _refused(desk, request)
        uri = totp.provisioning_uri(secret, admin["email"], ISSUER)
        return answer(TotpSecret(secret, uri), status=201)

    @post(
        "/setup/confirm",
        summary="Confirm the authenticator app and receive the recovery codes",
        operation_id="confirmAdminSetup",
        responses={201: ResponseSpec(RecoveryCodes, description="Set up; the codes are shown this once")},
        opt={"actor": ANYONE, "limit": AUTH},
    )
    async def confirm_setup(request: Request[Any, Any, Any], data: SetupConfirmation) -> Answer:
        hashed = setup_tokens.digest(data.setup_token)
        codes = recovery_codes.new_codes()

        async def confirm(act: Act) -> bool:
            admin = await act.one(queries.admin_for_setup, hashed)
            waiting = await act.one(queries.setup_secret, hashed)
            if admin is None or waiting is None:
                return False
            key = await act.keys.unwrap(admin["data_key_id"], admin["wrapped"], admin["master_key_id"])
            secret = key.open(waiting["totp_secret"], row=admin["id"], column=SECRET_COLUMN)
            assert secret is not None
            code = data.totp[:_CODE_CHARACTERS_MAX]
            step = totp.verify(secret, code, datetime.now(UTC), last_step=None)
            if step is None:
                return False
            kept = [code_hash(act.keys, admin["id"], each) for each in codes]
            return bool(await act.value(queries.finish_setup, hashed, step, kept))

        if not await desk.office.run(request, confirm):
            raise await _refused(desk, request)
        return answer(RecoveryCodes(codes), status=201)

    return [begin_setup, confirm_setup]


def strong(password: str, *, email: str, name: str) -> str:
    """A parser for `faults()`."""
    try:
        password_policy.require_strong(password, email=email, name=name)
    except WeakPassword as error:
        raise InvalidInput(error.reason) from None
    return password


async def _refused(desk: Desk, request: Request[Any, Any, Any]) -> SignInFailed:
    """The same whether the token is unknown, used or expired, or the code is wrong."""
    return await Attempt.of(desk, request, "admin-setup", "refused").fail("setup token or code not accepted")
