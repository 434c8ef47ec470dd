"""What an approval does, in the transaction that decides it: the schema lets it through there alone."""

from typing import Any, Literal
from uuid import UUID

import msgspec

from write_api import admin_sessions
from write_api.acting import Act, Row, queries
from write_api.asset_states import activate
from write_api.desk import Desk
from write_api.problems import Conflicting


class _Tier(msgspec.Struct, forbid_unknown_fields=True):
    tier: int


class _Role(msgspec.Struct, forbid_unknown_fields=True):
    role: str


class _Permission(msgspec.Struct, forbid_unknown_fields=True):
    permission: str
    effect: Literal["grant", "deny", "default"]


async def carry_out(desk: Desk, act: Act, approval: Row) -> None:
    """Raises `Conflicting` when what was asked for cannot be any more; the schema's own rules say no too."""
    resource: UUID = approval["resource_id"]
    match approval["kind"]:
        case "tier_raise":
            await _raise_tier(act, resource, _change(approval, _Tier).tier)
        case "role_change" if "role" in msgspec.json.decode(approval["change"]):
            await admin_sessions.forget(desk, act, resource)
            if await act.value(queries.update_admin_role, resource, _change(approval, _Role).role) is None:
                raise Conflicting("the administrator has this role already", rule="approvals_overtaken")
            act.announce("admin:updated", "admins", id=str(resource), status="role_changed")
        case "role_change":
            await _change_permission(act, resource, _change(approval, _Permission))
        case "erasure":
            await admin_sessions.forget_user(desk, act, resource)
            await act.value(queries.erase_user, resource)
            act.announce("user:updated", "admins", id=str(resource), status="erased")
        case "asset_activation":
            await activate(act, resource)
        case other:
            raise AssertionError(f"approvals of kind {other} have no effect")


async def _raise_tier(act: Act, user: UUID, tier: int) -> None:
    if await act.value(queries.raise_tier, user, tier) is None:
        raise Conflicting(
            f"the user is closed, or has tier {tier} or a higher one by now", rule="approvals_overtaken"
        )
    act.announce("user:updated", "admins", id=str(user), status="tier_raised")


async def _change_permission(act: Act, admin: UUID, change: _Permission) -> None:
    if change.effect == "default":
        await act.exec(queries.delete_admin_permission, admin, change.permission)
    else:
        await act.exec(queries.upsert_admin_permission, admin, change.permission, change.effect)
    act.announce("admin:updated", "admins", id=str(admin), status="permissions_changed")


def _change(approval: Row, shape: Any) -> Any:
    return msgspec.json.decode(approval["change"], type=shape)
