"""Whether an administrator may act: disabled, enabled, set up anew."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec

from service.http.problems import NotFound
from write_api import admin_sessions
from write_api.acting import ADMIN, Act, queries
from write_api.answer import Answer, answer
from write_api.answers.admins import Admin, InvitedAdmin
from write_api.approving import justification
from write_api.bodies import faults
from write_api.credentials import setup_tokens
from write_api.desk import Desk
from write_api.limiting import STRICT
from write_api.problems import Conflicting


class Reason(msgspec.Struct):
    """Why; the audit trail keeps it."""

    justification: str


def handlers(desk: Desk) -> list[HTTPRouteHandler]:
    async def set_active(
        request: Request[Any, Any, Any],
        admin_id: UUID,
        data: Reason,
        is_active: bool,
    ) -> Answer:
        with faults() as found:
            why = found.parse("justification", justification, data.justification)

        async def change(act: Act) -> Answer:
            await act.justify(why)
            await admin_of(act, admin_id)
            if not is_active:
                await admin_sessions.forget(desk, act, admin_id)
            if await act.value(queries.update_admin_active, admin_id, is_active) is None:
                state = "active" if is_active else "disabled"
                other = "disable" if is_active else "enable"
                raise Conflicting(
                    f"this administrator is {state} already",
                    rule="admin_users_active",
                    allowed_transitions=[other],
                )
            tell(act, admin_id, "enabled" if is_active else "disabled")
            return admin_answer(await admin_of(act, admin_id))

        return await desk.office.write(request, change)

    @post(
        "/admins/{admin_id:uuid}/disable",
        status_code=200,
        summary="Disable an administrator; every session ends",
        operation_id="disableAdmin",
        responses={200: ResponseSpec(Admin, description="As it is now")},
        opt={"actor": ADMIN, "permission": "admins.write"},
    )
    async def disable_admin(request: Request[Any, Any, Any], admin_id: UUID, data: Reason) -> Answer:
        return await set_active(request, admin_id, data, is_active=False)

    @post(
        "/admins/{admin_id:uuid}/enable",
        status_code=200,
        summary="Let a disabled administrator act again",
        operation_id="enableAdmin",
        responses={200: ResponseSpec(Admin, description="As it is now")},
        opt={"actor": ADMIN, "permission": "admins.write"},
    )
    async def enable_admin(request: Request[Any, Any, Any], admin_id: UUID, data: Reason) -> Answer:
        return await set_active(request, admin_id, data, is_active=True)

    @post(
        "/admins/{admin_id:uuid}/reset-mfa",
        status_code=200,
        summary="Take password and second factors away; every session ends",
        operation_id="resetAdminMfa",
        responses={200: ResponseSpec(InvitedAdmin, description="With a setup token, shown this once")},
        opt={"actor": ADMIN, "permission": "admins.write", "limit": STRICT},
    )
    async def reset_mfa(request: Request[Any, Any, Any], admin_id: UUID, data: Reason) -> Answer:
        with faults() as found:
            why = found.parse("justification", justification, data.justification)
        token = setup_tokens.new()
        hashed = setup_tokens.digest(token)

        async def reset(act: Act) -> Answer:
            await act.justify(why)
            await admin_of(act, admin_id)
            await admin_sessions.forget(desk, act, admin_id)
            await act.value(queries.reset_second_factor, admin_id, hashed, setup_tokens.HOURS)
            await act.security_event("second_factor_reset", "high", admin=admin_id, by=str(act.me))
            tell(act, admin_id, "reset")
            admin = await admin_of(act, admin_id)
            return answer(InvitedAdmin(admin, token), version=admin.version)

        return await desk.office.write(request, reset)

    return [disable_admin, enable_admin, reset_mfa]


async def admin_of(act: Act, id_: UUID) -> Admin:
    """Raises `NotFound`."""
    row = await act.one(queries.select_admin, id_)
    if row is None:
        raise NotFound("there is no such administrator")
    return Admin(**dict(row))


def admin_answer(admin: Admin) -> Answer:
    return answer(admin, version=admin.version)


def tell(act: Act, id_: UUID, status: str) -> None:
    """Tell the panel that an administrator changed."""
    act.announce("admin:updated", "admins", id=str(id_), status=status)
