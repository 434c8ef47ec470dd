"""An unknown administrator costs the same work as a known one: the password is checked for both."""

from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from litestar.routes import HTTPRoute

from write_api.credentials.passwords import PasswordCost, Passwords
from write_api.data_keys import KeyRing
from write_api.problems import SignInFailed
from write_api.routes import admin_sign_in
from write_api.routes.admin_sign_in import AdminCredentials


class CountingPasswords(Passwords):
    """What it was asked to compare with."""

    def __init__(self) -> None:
        super().__init__(PasswordCost(memory_kib=8, passes=1, lanes=1), threads=1)
        self.compared: list[str | None] = []
        self.worked = 0

    async def verify(self, stored: str | None, password: str) -> bool:
        self.compared.append(stored)
        return await super().verify(stored, password)

    def _matches(self, stored: str, password: bytes) -> bool:
        self.worked += 1
        return super()._matches(stored, password)


class FakeKeys(KeyRing):
    def __init__(self) -> None:
        """Without master keys."""

    def keyed_hash(self, purpose: str, text: str) -> bytes:
        return f"{purpose}:{text}".encode().ljust(32)[:32]


class FakeOffice:
    """A database that knows these administrators; `events` are the security events, `failures` who they count."""

    def __init__(self, admins: dict[str, dict[str, Any]]) -> None:
        self.admins = admins
        self.events: list[tuple[Any, ...]] = []
        self.asked: list[str] = []

    async def run(self, _request: object, work: Any) -> Any:
        return await work(self)

    async def one(self, query: Any, *arguments: Any) -> Any:
        self.asked.append(query.name)
        if query.name == "admin_for_sign_in":
            return self.admins.get(arguments[0])
        assert query.name == "sign_in_failed"
        return {"failures": 1, "locked_until": None}

    async def value(self, query: Any, *_arguments: Any) -> None:
        self.asked.append(query.name)

    async def security_event(self, *told: Any, **_indicators: Any) -> None:
        self.events.append(told)


def _admin(password_hash: str | None, *, is_active: bool) -> dict[str, Any]:
    return {
        "id": uuid4(),
        "password_hash": password_hash,
        "is_active": is_active,
        "has_totp": True,
        "security_keys": 0,
    }


def _sign_in(office: FakeOffice, passwords: Passwords) -> Any:
    """The handler of the route, on a desk that has what it needs."""
    desk: Any = SimpleNamespace(office=office, keys=FakeKeys(), passwords=passwords)
    routes = [route for route in admin_sign_in.routes(desk).routes if isinstance(route, HTTPRoute)]
    handlers = [each for route in routes for each in route.route_handlers]
    return next(each.fn for each in handlers if each.operation_id == "signInAsAdmin")


@pytest.mark.parametrize("which", ["unknown", "wrong", "disabled", "invited"])
async def test_every_refused_sign_in_checks_one_password_and_asks_the_same(which: str) -> None:
    with CountingPasswords() as passwords:
        hashed = await passwords.hash("the right password")
        office = FakeOffice(
            {
                "wrong@pend.example": _admin(await passwords.hash("another"), is_active=True),
                "disabled@pend.example": _admin(hashed, is_active=False),
                "invited@pend.example": _admin(None, is_active=True),
            }
        )
        data = AdminCredentials(f"{which}@pend.example", "the right password")
        with pytest.raises(SignInFailed) as refused:
            await _sign_in(office, passwords)(request=None, data=data)
    assert passwords.worked == 1
    assert len(passwords.compared) == 1
    assert office.asked == ["sign_in_lock", "admin_for_sign_in", "sign_in_failed"]
    assert [event[0] for event in office.events] == ["failed_login"]
    assert str(refused.value) == str(SignInFailed())
