"""The states of an asset, and which may follow: the same edges as the guard of account.assets (0014)."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from uuid import UUID

from service.http.problems import NotFound
from write_api.acting import Act, Row, queries
from write_api.problems import Conflicting

DRAFT, ACTIVE, PAUSED, CLOSED = "draft", "active", "paused", "closed"

ALLOWED: Mapping[str, Sequence[str]] = MappingProxyType(
    {DRAFT: (ACTIVE,), ACTIVE: (PAUSED, CLOSED), PAUSED: (ACTIVE, CLOSED), CLOSED: ()}
)
"""A draft becomes active only by what a second administrator approves."""


def require_allowed(present: str, wanted: str) -> None:
    """PURE. Raises `Conflicting` with what is allowed instead; a draft goes by way of `activate` alone."""
    if wanted not in ALLOWED[present] or present == DRAFT:
        raise Conflicting(
            f"an asset that is {present} does not become {wanted}",
            rule="assets_status",
            allowed_transitions=list(ALLOWED[present]),
        )


def require_draft(present: str) -> None:
    """PURE. Raises `Conflicting`: only a draft is activated."""
    if present != DRAFT:
        raise Conflicting(
            f"this asset is {present}, not a draft any more",
            rule="assets_status",
            allowed_transitions=list(ALLOWED[present]),
        )


def unready(row: Row) -> list[str]:
    """PURE. What keeps a draft from being offered, for people."""
    wanting = []
    if not row["has_details"]:
        wanting.append("its details are missing")
    if row["type"] == "investment" and not row["has_contract"]:
        wanting.append("its contract_address is missing")
    if row["type"] == "interest" and not row["has_contact"]:
        wanting.append("its contact is missing")
    if row["is_over"]:
        wanting.append("its deadline has passed")
    return wanting


def asset_missing() -> NotFound:
    """The same words whether there is none or it is not there for who asks."""
    return NotFound("there is no such asset")


async def locked_asset(act: Act, asset_id: UUID) -> Row:
    """The asset, which nobody else changes until the transaction ends. Raises `NotFound`."""
    row = await act.one(queries.lock_asset, asset_id)
    if row is None:
        raise asset_missing()
    return row


async def require_ready(act: Act, asset_id: UUID) -> None:
    """Raises `Conflicting` unless a draft could be offered as it is."""
    row = await act.one(queries.select_asset_readiness, asset_id)
    assert row is not None, "it was locked before"
    if wanting := unready(row):
        raise Conflicting(f"this asset cannot be offered yet: {'; '.join(wanting)}", rule="assets_ready")


async def activate(act: Act, asset_id: UUID) -> None:
    """Offer a draft, in the transaction that approved it. Raises `NotFound`, `Conflicting`."""
    asset = await locked_asset(act, asset_id)
    require_draft(asset["status"])
    await require_ready(act, asset_id)
    await change_status(act, asset_id, DRAFT, ACTIVE)


async def change_status(act: Act, asset_id: UUID, present: str, wanted: str) -> None:
    """Take a locked asset along an edge that was found allowed, and tell the panel."""
    await act.one(queries.update_asset_status, asset_id, present, wanted)
    announce(act, asset_id, wanted)


def announce(act: Act, asset_id: UUID, status: str) -> None:
    """Tell the panel that an asset changed."""
    act.announce("asset:updated", "assets", id=str(asset_id), status=status)
