"""Assets as administrators make them over HTTP: drafted, described, activated by four eyes."""

import secrets
from typing import Any

from tests.integration.write_api.offices import Client

WHY = "as the board decided in May"
TERMS: dict[str, Any] = {
    "token_symbol": "CAI",
    "token_price": "12.5",
    "max_supply": "1000",
    "min_tier_required": 1,
}
CONTACT: dict[str, Any] = {"contact_format": "email", "contact_value": "desk@pend.example"}


def contract() -> str:
    return "0x" + secrets.token_hex(20)


async def drafted(manager: Client, **given: Any) -> Any:
    """A draft of an investment with a contract, or what `given` says."""
    body = {"type": "investment", "title": "Cairo tower", **given}
    if body["type"] == "investment":
        body.setdefault("contract_address", contract())
    return await manager.post("/admin/assets", body)


async def described(
    manager: Client, asset: Any, terms: dict[str, Any] | None = None, status: int = 200
) -> Any:
    """The asset with its terms; by default those of its type."""
    usual = TERMS if asset["type"] == "investment" else CONTACT
    return await changed(
        manager,
        "PUT",
        f"/admin/assets/{asset['id']}/details",
        usual if terms is None else terms,
        asset,
        status,
    )


async def changed(manager: Client, method: str, path: str, body: Any, asset: Any, status: int = 200) -> Any:
    """What a change of the version of `asset` is answered with."""
    reply = await manager.ask(method, path, body, If_Match=f'"{asset["version"]}"')
    assert reply.status == status, reply.body.decode()
    return reply.json


async def taken(manager: Client, asset: Any, edge: str, status: int = 200) -> Any:
    """`pause`, `resume` or `close`."""
    return await changed(
        manager, "POST", f"/admin/assets/{asset['id']}/{edge}", {"justification": WHY}, asset, status
    )


async def activated(manager: Client, approver: Client, asset: Any) -> Any:
    """The asset once a second administrator approved."""
    asked = await manager.post(f"/admin/assets/{asset['id']}/activation", {"justification": WHY}, 202)
    reply = await approver.ask(
        "POST", f"/admin/approvals/{asked['id']}/approve", {}, If_Match=f'"{asked["version"]}"'
    )
    assert reply.status == 200, reply.body.decode()
    return await manager.get(f"/assets/{asset['id']}")


async def offered(
    manager: Client, approver: Client, terms: dict[str, Any] | None = None, **given: Any
) -> Any:
    """An active asset."""
    return await activated(
        manager, approver, await described(manager, await drafted(manager, **given), terms)
    )
