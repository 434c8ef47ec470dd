"""Administrators as other administrators see them."""

from datetime import datetime
from uuid import UUID

import msgspec


class Admin(msgspec.Struct):
    """An administrator."""

    id: UUID
    email: str
    name: str
    role: str
    is_active: bool
    is_set_up: bool
    """Whether password and second factor were chosen."""
    setup_expires_at: datetime | None
    """Until when the setup token that was handed over holds."""
    last_login_at: datetime | None
    created_at: datetime
    updated_at: datetime
    version: int


class InvitedAdmin(msgspec.Struct):
    """The setup token is shown this once: hand it over in person or by a channel that you trust."""

    admin: Admin
    setup_token: str


class AdminSession(msgspec.Struct):
    """A session that is in force."""

    id: UUID
    admin_id: UUID
    ip_address: str | None
    user_agent: str
    second_factor: str
    created_at: datetime
    refreshed_at: datetime
    expires_at: datetime


class RolePermission(msgspec.Struct):
    """A permission, and the roles that bring it."""

    permission: str
    roles: list[str]


class PermissionMatrix(msgspec.Struct):
    """What each role may do."""

    roles: list[str]
    data: list[RolePermission]


class AdminPermissions(msgspec.Struct):
    """What one administrator may do, and how that differs from the role."""

    admin_id: UUID
    role: str
    permissions: list[str]
    """In force; none while the administrator is disabled."""
    granted: list[str]
    denied: list[str]
