"""/api/v1/admin/me: the account of the administrator who asks: password, recovery codes, what it may do."""

from typing import Any

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.openapi.datastructures import ResponseSpec

from write_api import admin_sessions, second_factors
from write_api.acting import ADMIN, Act, Row, queries
from write_api.answer import Answer, answer, no_content
from write_api.answers.admin_account import AdminAccount
from write_api.answers.admin_sign_in import RecoveryCodes
from write_api.bodies import faults
from write_api.callers import caller
from write_api.credentials import recovery_codes
from write_api.desk import Desk
from write_api.limiting import AUTH
from write_api.routes import admin_security_keys
from write_api.routes.admin_setup import strong
from write_api.second_factors import Wrong, code_hash
from write_api.signing_in import Attempt


class PasswordChange(msgspec.Struct):
    """The password in force, and the one to have from now on."""

    current: str
    new: str


class FreshCode(msgspec.Struct):
    """A code of the authenticator app that was not used before."""

    totp: str


def routes(desk: Desk) -> Router:
    @get(
        "/",
        summary="Who you are and what you may do",
        operation_id="getAdminAccount",
        responses={200: ResponseSpec(AdminAccount, description="The account")},
        opt={"actor": ADMIN},
    )
    async def get_admin_account(request: Request[Any, Any, Any]) -> Answer:
        async def read(act: Act) -> Answer:
            row = await _row(act)
            account = AdminAccount(
                **{name: row[name] for name in AdminAccount.__struct_fields__ if name != "permissions"},
                permissions=sorted(act.permissions),
            )
            return answer(account, version=account.version)

        return await desk.office.run(request, read)

    @post(
        "/password",
        status_code=204,
        summary="Change your password; every other session ends",
        operation_id="changeAdminPassword",
        responses={204: ResponseSpec(None, description="Changed")},
        opt={"actor": ADMIN, "limit": AUTH},
    )
    async def change_password(request: Request[Any, Any, Any], data: PasswordChange) -> Response[None]:
        admin = await desk.office.run(request, _row)
        attempt = Attempt.of(desk, request, "admin-account", str(admin["id"]))
        await attempt.begin()
        with faults() as found:
            found.parse("new", strong, data.new, email=admin["email"], name=admin["name"])

        async def look(act: Act) -> Row | None:
            return await act.one(queries.admin_for_sign_in, admin["email"])

        known = await desk.office.run(request, look)
        stored = None if known is None else known["password_hash"]
        is_right = await desk.passwords.verify(stored, data.current)
        hashed = await desk.passwords.hash(data.new)

        async def change(act: Act) -> Answer:
            if not is_right:  # said here: who repeats what was done is answered the same
                raise Wrong("the present password is wrong")
            await act.value(queries.sign_in_succeeded, attempt.subject)
            await admin_sessions.forget(desk, act, act.me, but=caller(request).signed_in().session)
            await act.exec(queries.update_own_password, act.me, hashed)
            await act.security_event("password_changed", "low", admin=act.me)
            return no_content()

        try:
            return await desk.office.write(request, change)
        except Wrong as wrong:
            raise await attempt.fail(wrong.reason, admin=admin["id"]) from None

    @post(
        "/recovery-codes",
        summary="Ten new recovery codes in place of the old ones",
        operation_id="createRecoveryCodes",
        responses={201: ResponseSpec(RecoveryCodes, description="The codes, shown this once")},
        opt={"actor": ADMIN, "limit": AUTH},
    )
    async def create_recovery_codes(request: Request[Any, Any, Any], data: FreshCode) -> Answer:
        admin = await desk.office.run(request, _row)
        attempt = Attempt.of(desk, request, "admin-account", str(admin["id"]))
        await attempt.begin()
        codes = recovery_codes.new_codes()

        async def change(act: Act) -> Answer:
            known = await act.one(queries.admin_for_second_factor, act.me)
            assert known is not None, "who acts is active"
            await second_factors.use_totp(act, known, data.totp[:16])
            await act.value(queries.sign_in_succeeded, attempt.subject)
            await act.exec(queries.delete_recovery_codes, act.me)
            hashes = [code_hash(act.keys, act.me, code) for code in codes]
            await act.exec(queries.insert_recovery_codes, act.me, hashes)
            return answer(RecoveryCodes(codes), status=201)

        try:
            return await desk.office.write(request, change)
        except Wrong as wrong:
            raise await attempt.fail(wrong.reason, admin=admin["id"]) from None

    handlers = [get_admin_account, change_password, create_recovery_codes]
    keys = admin_security_keys.handlers(desk)
    return Router("/admin/me", route_handlers=[*handlers, *keys], tags=["administrators"])


async def _row(act: Act) -> Row:
    row = await act.one(queries.select_own_admin, act.me)
    assert row is not None, "who acts is there"
    return row
