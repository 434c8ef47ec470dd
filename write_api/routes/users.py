"""/api/v1/admin/users: users as administrators look them up, suspend, close, grade and erase them."""

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Request, Response, Router, delete, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter

from service.http.problems import BadParameter, NotFound
from write_api.acting import ADMIN, Act, expected_version, queries, require_version
from write_api.answer import Answer, answer, no_content
from write_api.answers.approvals import Approval
from write_api.answers.managed_users import (
    ManagedUser,
    UserSessions,
    UserSessionSummary,
    UserStanding,
    UserSummary,
)
from write_api.approving import ask_approval, justification
from write_api.bodies import faults
from write_api.desk import Desk
from write_api.inputs import addresses
from write_api.inputs.errors import InvalidInput
from write_api.managing_users import (
    change_status,
    end_after,
    lower_tier,
    managed,
    personal_data,
    standing,
    summary,
)
from write_api.pages import BY_TIME, LIMIT_DEFAULT, CursorText, Limit, Listed, PageRequest
from write_api.problems import Conflicting

_TIER_MAX = 5
_State = Literal["active", "suspended", "closed"]
_StatusFilter = Annotated[
    _State | None, QueryParameter(name="status", description="Only those of this status.")
]
_TierFilter = Annotated[
    int | None, QueryParameter(name="tier", ge=0, le=_TIER_MAX, description="Only users of this tier.")
]
_AddressFilter = Annotated[
    str | None, QueryParameter(name="address", description="Only the user of this wallet.", max_length=64)
]
_Personal = Annotated[
    bool,
    QueryParameter(
        name="personal",
        description="Open personal data: needs users.personal, is noted.",
        required=False,
    ),
]


class Justified(msgspec.Struct):
    """Why it is done, in 10 to 1,000 characters, for the audit trail."""

    justification: str


class TierChange(msgspec.Struct):
    """The tier that the user shall have, and why."""

    tier: int
    justification: str


def routes(desk: Desk) -> Router:
    @get(
        "/",
        summary="Users, newest first",
        operation_id="listUsers",
        responses={200: ResponseSpec(Listed[UserSummary], description="A page of users")},
        opt={"actor": ADMIN, "permission": "users.read"},
    )
    async def list_users(
        request: Request[Any, Any, Any],
        status: _StatusFilter = None,
        tier: _TierFilter = None,
        address: _AddressFilter = None,
        limit: Limit = LIMIT_DEFAULT,
        cursor: CursorText = None,
    ) -> Answer:
        wallet = None if address is None else _wallet(address)
        page = PageRequest(f"users {status} {tier} {wallet!r}", limit, cursor, BY_TIME)

        async def read(act: Act) -> Answer:
            await act.value(queries.plan_anew)
            rows = await act.many(queries.list_users, *page.arguments(), status, tier, wallet)
            return answer(page.page(rows, ("created_at", "id"), [summary(row) for row in rows]))

        return await desk.office.run(request, read)

    @get(
        "/{user_id:uuid}",
        summary="A user: standing, verification, portfolio; personal data when it is asked for",
        operation_id="getUser",
        responses={200: ResponseSpec(ManagedUser, description="The user")},
        opt={"actor": ADMIN, "permission": "users.read"},
    )
    async def get_user(request: Request[Any, Any, Any], user_id: UUID, personal: _Personal = False) -> Answer:
        async def read(act: Act) -> Answer:
            if personal:
                act.require("users.personal")
            row = await act.one(queries.select_managed_user, user_id)
            if row is None:
                raise NotFound("there is no such user")
            opened = None
            if personal:
                opened = personal_data(row, await act.key_of(user_id))
                await act.audit("read", "user_profiles", user_id)
            return answer(managed(act, row, opened), version=row["version"])

        return await desk.office.run(request, read)

    def status_change(action: str, status: str, words: str) -> Any:
        @post(
            f"/{{user_id:uuid}}/{action}",
            summary=words,
            operation_id=f"{action}User",
            responses={200: ResponseSpec(UserStanding, description="The user now")},
            opt={"actor": ADMIN, "permission": "users.write"},
            status_code=200,
        )
        async def change(request: Request[Any, Any, Any], user_id: UUID, data: Justified) -> Answer:
            version = expected_version(request)
            with faults() as found:
                why = found.parse("justification", justification, data.justification)

            async def work(act: Act) -> Answer:
                changed = await change_status(act, desk.sessions, user_id, version, status, why)
                act.announce("user:updated", "admins", id=str(user_id), status=status)
                return answer(changed, version=changed.version)

            return await desk.office.write(request, work)

        return change

    @post(
        "/{user_id:uuid}/tier",
        summary="Lower a tier, or ask a second administrator to raise it",
        operation_id="changeUserTier",
        responses={
            200: ResponseSpec(UserStanding, description="Lowered"),
            202: ResponseSpec(Approval, description="Waits for a second administrator"),
        },
        opt={"actor": ADMIN, "permission": "users.tier"},
        status_code=200,
    )
    async def change_user_tier(request: Request[Any, Any, Any], user_id: UUID, data: TierChange) -> Answer:
        version = expected_version(request)
        with faults() as found:
            found.parse("tier", _tier, data.tier)
            why = found.parse("justification", justification, data.justification)

        async def work(act: Act) -> Answer:
            row = await standing(act, user_id)
            require_version(version, row["version"])
            if row["tier"] == data.tier or row["status"] == "closed":
                raise Conflicting(
                    f"this user is {row['status']} and has tier {row['tier']}", rule="users_tier"
                )
            if data.tier > row["tier"]:
                return await ask_approval(act, "tier_raise", user_id, {"tier": data.tier}, why)
            changed = await lower_tier(act, user_id, version, data.tier, why)
            act.announce("user:updated", "admins", id=str(user_id), status=changed.status)
            return answer(changed, version=changed.version)

        return await desk.office.write(request, work)

    @post(
        "/{user_id:uuid}/erasure",
        summary="Ask a second administrator to erase a user",
        operation_id="askUserErasure",
        responses={202: ResponseSpec(Approval, description="Waits for a second administrator")},
        opt={"actor": ADMIN, "permission": "users.erase"},
        status_code=202,
    )
    async def ask_user_erasure(request: Request[Any, Any, Any], user_id: UUID, data: Justified) -> Answer:
        with faults() as found:
            why = found.parse("justification", justification, data.justification)

        async def work(act: Act) -> Answer:
            if (await standing(act, user_id))["erased_at"] is not None:
                raise Conflicting("this user was erased already", rule="users_erasure")
            return await ask_approval(act, "erasure", user_id, {}, why)

        return await desk.office.write(request, work)

    return Router(
        "/admin/users",
        route_handlers=[
            list_users,
            get_user,
            status_change("suspend", "suspended", "Suspend a user; every session ends at once"),
            status_change("reactivate", "active", "Let a suspended user act again"),
            status_change("close", "closed", "Close an account for good; every session ends at once"),
            change_user_tier,
            ask_user_erasure,
            *_session_handlers(desk),
        ],
        tags=["users"],
    )


def _session_handlers(desk: Desk) -> list[Any]:
    @get(
        "/{user_id:uuid}/sessions",
        summary="Where a user is signed in",
        operation_id="listUserSessions",
        responses={200: ResponseSpec(UserSessions, description="Sessions in force")},
        opt={"actor": ADMIN, "permission": "users.read"},
    )
    async def list_user_sessions(request: Request[Any, Any, Any], user_id: UUID) -> Answer:
        async def read(act: Act) -> Answer:
            await standing(act, user_id)
            rows = await act.many(queries.list_sessions_of_user, user_id)
            return answer(UserSessions([UserSessionSummary(**dict(row)) for row in rows]))

        return await desk.office.run(request, read)

    @delete(
        "/{user_id:uuid}/sessions",
        summary="Sign a user out everywhere",
        operation_id="endUserSessions",
        responses={204: ResponseSpec(None, description="Every session has ended")},
        opt={"actor": ADMIN, "permission": "users.write"},
        status_code=204,
    )
    async def end_user_sessions(request: Request[Any, Any, Any], user_id: UUID) -> Response[None]:
        async def work(act: Act) -> Answer:
            await standing(act, user_id)
            ended = [row["id"] for row in await act.many(queries.end_sessions_of_user, user_id)]
            end_after(act, desk.sessions, ended)
            return no_content()

        return await desk.office.run(request, work)

    return [list_user_sessions, end_user_sessions]


def _wallet(text: str) -> bytes:
    try:
        return addresses.parse(text)
    except InvalidInput as error:
        raise BadParameter("address", text, error.reason) from None


def _tier(given: int) -> int:
    if not 0 <= given <= _TIER_MAX:
        raise InvalidInput(f"is a tier from 0 to {_TIER_MAX}")
    return given
