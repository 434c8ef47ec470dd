"""Which route is for whom: read off the routes and off the permissions that the migrations give each role."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler

import migrations
from service.http import openapi
from write_api.acting import ADMIN, ANYONE, EITHER, USER
from write_api.openapi import DESCRIPTION

PAGE = Path(__file__).parent.parent / "docs" / "write-roles.md"
ROLES = ("super_admin", "asset_manager", "kyc_verifier", "auditor", "viewer")
WHO = ("nobody", "user", *ROLES)

_GRANTED = re.compile(r"\('([a-z_]+\.[a-z_]+)', '\{([a-z_,]+)\}'(?:::text\[\])?\)")
_PLACE = re.compile(r"(<!-- routes -->\n).*?(<!-- /routes -->)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Access:
    """One route: `actor` and `permission` are those of its handler."""

    operation: str
    method: str
    path: str
    actor: str
    permission: str | None

    def allows(self, who: str, granted: Mapping[str, frozenset[str]]) -> bool:
        """Whether the route is for `who`; what it does may ask for more."""
        if self.actor == ANYONE:
            return True
        if who in ROLES:
            return self.actor in {ADMIN, EITHER} and (
                self.permission is None or who in granted.get(self.permission, frozenset())
            )
        return who == "user" and self.actor in {USER, EITHER}


def granted() -> dict[str, frozenset[str]]:
    """The roles that have each permission in a new database."""
    text = (migrations.FOLDER / "0013_accounts.sql").read_text(encoding="utf-8")
    return {permission: frozenset(roles.split(",")) for permission, roles in _GRANTED.findall(text)}


def accesses() -> list[Access]:
    """Every route, by path."""
    from write_api.app import undressed_app  # noqa: PLC0415  the command line is read before the application is

    return accesses_of(undressed_app(openapi.config(DESCRIPTION)))


def accesses_of(app: Litestar) -> list[Access]:
    found = [
        Access(
            str(handler.operation_id or handler.name or handler.handler_name),
            method,
            route.path_format,
            handler.opt["actor"],
            handler.opt.get("permission"),
        )
        for route in app.routes
        for handler in getattr(route, "route_handlers", [])
        if isinstance(handler, HTTPRouteHandler) and "actor" in handler.opt
        for method in sorted(handler.http_methods - {"HEAD", "OPTIONS"})
    ]
    return sorted(found, key=lambda each: (each.path, each.method))


def table() -> str:
    """Markdown: one row for each route, one column for each kind of caller."""
    by_permission = granted()
    rows = [
        f"| Route | {' | '.join(WHO)} | Permission |",
        f"|---|{'---|' * len(WHO)}---|",
    ]
    for each in accesses():
        marks = " | ".join("yes" if each.allows(who, by_permission) else "-" for who in WHO)
        rows.append(f"| `{each.method} {each.path}` | {marks} | {each.permission or ''} |")
    return "\n".join(rows) + "\n"


def renewed(page: str) -> str:
    """`page` with the table between `<!-- routes -->` and `<!-- /routes -->` written anew."""
    if _PLACE.search(page) is None:
        raise ValueError("the page has no place for the table: add <!-- routes --> and <!-- /routes -->")
    return _PLACE.sub(lambda found: f"{found[1]}{table()}{found[2]}", page)
