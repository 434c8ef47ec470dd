"""Roles and permissions of administrators: anybody who may read sees them, two together change them."""

from typing import Any, Literal
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec

from service.http.problems import NotFound
from write_api.acting import ADMIN, Act, Row, queries
from write_api.answer import Answer, answer
from write_api.answers.admins import AdminPermissions, PermissionMatrix, RolePermission
from write_api.answers.approvals import Approval
from write_api.approving import ask_approval, justification
from write_api.bodies import faults
from write_api.desk import Desk
from write_api.problems import Conflicting, FieldFault, Invalid

_ROLES = ["super_admin", "asset_manager", "kyc_verifier", "auditor", "viewer"]


class RoleChange(msgspec.Struct):
    """The role to have, once a second administrator agrees."""

    role: Literal["super_admin", "asset_manager", "kyc_verifier", "auditor", "viewer"]
    justification: str


class PermissionChange(msgspec.Struct):
    """What shall differ from the role, once a second administrator agrees; `default`: nothing of it."""

    permission: str
    effect: Literal["grant", "deny", "default"]
    justification: str


def handlers(desk: Desk) -> list[HTTPRouteHandler]:
    @get(
        "/permissions",
        summary="What each role may do",
        operation_id="getPermissionMatrix",
        responses={200: ResponseSpec(PermissionMatrix, description="Every permission with its roles")},
        opt={"actor": ADMIN, "permission": "admins.read"},
    )
    async def get_matrix(request: Request[Any, Any, Any]) -> Answer:
        async def read(act: Act) -> Answer:
            rows = await act.many(queries.list_role_permissions)
            return answer(PermissionMatrix(_ROLES, [RolePermission(**dict(row)) for row in rows]))

        return await desk.office.run(request, read)

    @get(
        "/admins/{admin_id:uuid}/permissions",
        summary="What one administrator may do",
        operation_id="getAdminPermissions",
        responses={
            200: ResponseSpec(AdminPermissions, description="In force, and how it differs from the role")
        },
        opt={"actor": ADMIN, "permission": "admins.read"},
    )
    async def get_permissions(request: Request[Any, Any, Any], admin_id: UUID) -> Answer:
        async def read(act: Act) -> Answer:
            return answer(AdminPermissions(**dict(await _permissions(act, admin_id))))

        return await desk.office.run(request, read)

    @post(
        "/admins/{admin_id:uuid}/role",
        status_code=202,
        summary="Ask for another role",
        operation_id="askAdminRole",
        responses={202: ResponseSpec(Approval, description="It waits for a second administrator")},
        opt={"actor": ADMIN, "permission": "admins.write"},
    )
    async def ask_role(request: Request[Any, Any, Any], admin_id: UUID, data: RoleChange) -> Answer:
        with faults() as found:
            why = found.parse("justification", justification, data.justification)

        async def ask(act: Act) -> Answer:
            if (await _permissions(act, admin_id))["role"] == data.role:
                raise Conflicting(f"this administrator is {data.role} already", rule="admin_users_role")
            return await ask_approval(act, "role_change", admin_id, {"role": data.role}, why)

        return await desk.office.write(request, ask)

    @post(
        "/admins/{admin_id:uuid}/permissions",
        status_code=202,
        summary="Ask for a permission to be granted, denied or left to the role",
        operation_id="askAdminPermission",
        responses={202: ResponseSpec(Approval, description="It waits for a second administrator")},
        opt={"actor": ADMIN, "permission": "admins.write"},
    )
    async def ask_permission(
        request: Request[Any, Any, Any], admin_id: UUID, data: PermissionChange
    ) -> Answer:
        with faults() as found:
            why = found.parse("justification", justification, data.justification)

        async def ask(act: Act) -> Answer:
            known = {row["permission"] for row in await act.many(queries.list_role_permissions)}
            if data.permission not in known:
                raise Invalid([FieldFault("permission", f"is one of {', '.join(sorted(known))}")])
            await _permissions(act, admin_id)
            change = {"permission": data.permission, "effect": data.effect}
            return await ask_approval(act, "role_change", admin_id, change, why)

        return await desk.office.write(request, ask)

    return [get_matrix, get_permissions, ask_role, ask_permission]


async def _permissions(act: Act, admin_id: UUID) -> Row:
    row = await act.one(queries.select_permissions_of_admin, admin_id)
    if row is None:
        raise NotFound("there is no such administrator")
    return row
