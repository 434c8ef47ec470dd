"""Four eyes: what one administrator asks waits here until a second one decides."""

from typing import Any
from uuid import UUID

import msgspec

from service.http.problems import NotFound
from write_api.acting import Act, Row, queries
from write_api.answer import Answer, answer
from write_api.answers.approvals import Approval
from write_api.inputs import texts
from write_api.problems import Conflicting

KINDS = ("tier_raise", "role_change", "erasure", "asset_activation")
_JUSTIFICATION_MIN, _JUSTIFICATION_MAX = 10, 1_000


def justification(given: object) -> str:
    """A parser for `faults()`: why something is done, in words that the audit trail keeps."""
    return texts.parse(
        given, characters_min=_JUSTIFICATION_MIN, characters_max=_JUSTIFICATION_MAX, single_line=False
    )


async def ask_approval(
    act: Act, kind: str, resource_id: UUID, change: dict[str, Any], justification: str
) -> Answer:
    """202 with the approval that waits now. The caller has seen that the resource is there.

    Raises `Conflicting` when this kind waits for this resource already; the schema refuses who may not ask.
    """
    await act.justify(justification)
    await act.exec(queries.drop_expired_approval, kind, resource_id)
    asked = msgspec.json.encode(change).decode()
    made = await act.value(queries.insert_approval, kind, resource_id, asked, justification, act.me)
    if made is None:
        raise Conflicting(
            f"a {kind} of this waits for a decision already; decide it or cancel it first",
            rule="approvals_open",
        )
    act.announce("approval:requested", "admins", id=str(made), kind=kind, status="pending")
    row = await approval_row(act, made)
    return answer(shown(row), status=202, version=row["version"], location=f"/api/v1/admin/approvals/{made}")


async def approval_row(act: Act, id_: UUID) -> Row:
    """Raises `NotFound`."""
    row = await act.one(queries.select_approval, id_)
    if row is None:
        raise NotFound("there is no such approval")
    return row


def shown(row: Row) -> Approval:
    return Approval(
        **{
            name: row[name]
            for name in Approval.__struct_fields__
            if name not in {"change", "requested_by_name"}
        },
        change=msgspec.json.decode(row["change"]),
        requested_by_name=row["requested_by_name"] or "",
    )
