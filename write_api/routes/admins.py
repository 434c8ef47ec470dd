"""/api/v1/admin/admins: administrators are listed, invited and renamed."""

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Request, Router, get, patch, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter

from write_api.acting import ADMIN, Act, expected_version, queries, require_version
from write_api.answer import Answer, answer
from write_api.answers.admins import Admin, InvitedAdmin
from write_api.bodies import faults
from write_api.credentials import setup_tokens
from write_api.desk import Desk
from write_api.inputs import emails, texts
from write_api.limiting import STRICT
from write_api.pages import BY_TIME, LIMIT_DEFAULT, CursorText, Limit, Listed, PageRequest
from write_api.problems import Conflicting
from write_api.routes import admin_roles, admin_sessions_of, admin_standing
from write_api.routes.admin_standing import admin_answer, admin_of, tell

READ, WRITE = "admins.read", "admins.write"
_NAME_CHARACTERS_MAX = 100

Role = Literal["super_admin", "asset_manager", "kyc_verifier", "auditor", "viewer"]
RoleFilter = Annotated[Role | None, Parameter(description="Those of this role.")]
ActiveFilter = Annotated[bool | None, Parameter(description="Those who may act, or may not.")]


class NewAdmin(msgspec.Struct):
    """Who is invited. A super_admin is made on the command line, or out of another role."""

    email: str
    name: str
    role: Literal["asset_manager", "kyc_verifier", "auditor", "viewer"]


class NameChange(msgspec.Struct):
    """What others see."""

    name: str


def routes(desk: Desk) -> Router:
    @get(
        "/admins",
        summary="All administrators",
        operation_id="listAdmins",
        responses={200: ResponseSpec(Listed[Admin], description="The newest first")},
        opt={"actor": ADMIN, "permission": READ},
    )
    async def list_admins(
        request: Request[Any, Any, Any],
        limit: Limit = LIMIT_DEFAULT,
        cursor: CursorText = None,
        role: RoleFilter = None,
        is_active: ActiveFilter = None,
    ) -> Answer:
        page = PageRequest(f"admins:{role}:{is_active}", limit, cursor, BY_TIME)

        async def read(act: Act) -> Answer:
            rows = await act.many(queries.list_admins, *page.arguments(), role, is_active)
            return answer(page.page(rows, ("created_at", "id"), [Admin(**dict(row)) for row in rows]))

        return await desk.office.run(request, read)

    @get(
        "/admins/{admin_id:uuid}",
        summary="One administrator",
        operation_id="getAdmin",
        responses={200: ResponseSpec(Admin, description="The administrator")},
        opt={"actor": ADMIN, "permission": READ},
    )
    async def get_admin(request: Request[Any, Any, Any], admin_id: UUID) -> Answer:
        async def read(act: Act) -> Answer:
            return admin_answer(await admin_of(act, admin_id))

        return await desk.office.run(request, read)

    @post(
        "/admins",
        summary="Invite an administrator",
        operation_id="createAdmin",
        responses={201: ResponseSpec(InvitedAdmin, description="With the setup token, shown this once")},
        opt={"actor": ADMIN, "permission": WRITE, "limit": STRICT},
    )
    async def create_admin(request: Request[Any, Any, Any], data: NewAdmin) -> Answer:
        with faults() as found:
            email = found.parse("email", emails.parse, data.email)
            name = found.parse("name", texts.parse, data.name, characters_max=_NAME_CHARACTERS_MAX)
        token = setup_tokens.new()
        hashed = setup_tokens.digest(token)

        async def invite(act: Act) -> Answer:
            made = await act.value(queries.insert_admin, email, name, data.role, hashed, setup_tokens.HOURS)
            if made is None:
                raise Conflicting("an administrator has this e-mail already", rule="admin_users_email_key")
            # Who hands over the token could use it: four eyes are as good as the look at these events.
            await act.security_event("admin_invited", "high", admin=made, by=str(act.me), role=data.role)
            admin = await admin_of(act, made)
            tell(act, made, "invited")
            place = f"/api/v1/admin/admins/{made}"
            return answer(InvitedAdmin(admin, token), status=201, version=admin.version, location=place)

        return await desk.office.write(request, invite)

    @patch(
        "/admins/{admin_id:uuid}",
        summary="Rename an administrator",
        operation_id="changeAdmin",
        responses={200: ResponseSpec(Admin, description="As it is now")},
        opt={"actor": ADMIN, "permission": WRITE},
    )
    async def change_admin(request: Request[Any, Any, Any], admin_id: UUID, data: NameChange) -> Answer:
        version = expected_version(request)
        with faults() as found:
            name = found.parse("name", texts.parse, data.name, characters_max=_NAME_CHARACTERS_MAX)

        async def change(act: Act) -> Answer:
            require_version(version, (await admin_of(act, admin_id)).version)
            if await act.value(queries.update_admin_name, admin_id, version, name) is None:
                require_version(version, (await admin_of(act, admin_id)).version)
            tell(act, admin_id, "changed")
            return admin_answer(await admin_of(act, admin_id))

        return await desk.office.run(request, change)

    own = [list_admins, get_admin, create_admin, change_admin]
    others = [
        each for part in (admin_standing, admin_sessions_of, admin_roles) for each in part.handlers(desk)
    ]
    return Router("/admin", route_handlers=[*own, *others], tags=["administrators"])
