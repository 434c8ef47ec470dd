"""How administrators change users: along allowed edges, by version, with a reason; sessions end at once."""

from typing import Final
from uuid import UUID

from service.http.problems import NotFound
from write_api.acting import Act, Row, queries, require_version
from write_api.answers.managed_users import (
    ManagedUser,
    NewestApplication,
    PersonalData,
    PortfolioTotals,
    UserStanding,
    UserSummary,
)
from write_api.answers.profile import Tier
from write_api.data_keys import DataKey
from write_api.inputs import addresses, amounts
from write_api.problems import Conflicting
from write_api.session_cache import SessionCache

STATES: Final = ("active", "suspended", "closed")
_FOLLOWING: Final = {"active": ("suspended", "closed"), "suspended": ("active", "closed"), "closed": ()}


async def standing(act: Act, user: UUID) -> Row:
    """Raises `NotFound`."""
    row = await act.one(queries.select_user_standing, user)
    if row is None:
        raise NotFound("there is no such user")
    return row


async def change_status(
    act: Act, sessions: SessionCache, user: UUID, version: int, status: str, why: str
) -> UserStanding:
    """Raises `NotFound`, `VersionStale`, `Conflicting`."""
    row = await standing(act, user)
    require_version(version, row["version"])
    allowed = list(_FOLLOWING[row["status"]])
    if status not in allowed:
        raise Conflicting(
            f"a user who is {row['status']} does not become {status}",
            rule="users_status",
            allowed_transitions=allowed,
        )
    await act.justify(why)
    open_sessions = [each["id"] for each in await act.many(queries.list_sessions_of_user, user)]
    made = await act.value(queries.update_user_status, user, version, status, why)
    if made is None:
        require_version(version, (await standing(act, user))["version"])
    ended = [] if status == "active" else open_sessions
    end_after(act, sessions, ended)
    return UserStanding(user, status, row["tier"], len(ended), made)


async def lower_tier(act: Act, user: UUID, version: int, tier: int, why: str) -> UserStanding:
    """The caller has read that the tier is lower. Raises `VersionStale`."""
    await act.justify(why)
    made = await act.value(queries.update_user_tier, user, version, tier)
    row = await standing(act, user)
    if made is None:
        require_version(version, row["version"])
    return UserStanding(user, row["status"], tier, 0, row["version"])


def end_after(act: Act, sessions: SessionCache, ended: list[UUID]) -> None:
    """Let Redis know once the transaction is committed: the database has ended them by itself."""

    async def end() -> None:
        await sessions.end(*ended)

    if ended:
        act.after.append(end)


def summary(row: Row) -> UserSummary:
    return UserSummary(
        id=row["id"],
        address=addresses.checksummed(row["blockchain_address"]),
        status=row["status"],
        tier=row["tier"],
        is_verified=row["kyc_verified_at"] is not None,
        is_erased=row["erased_at"] is not None,
        created_at=row["created_at"],
        version=row["version"],
    )


def managed(act: Act, row: Row, personal: PersonalData | None) -> ManagedUser:
    """As much as who acts may see."""
    most = None if row["invested_max"] is None else amounts.to_text(row["invested_max"])
    application = row["application_id"] and NewestApplication(
        row["application_id"], row["application_status"], row["submitted_at"], row["reviewed_at"]
    )
    portfolio = PortfolioTotals(
        row["investments"], row["assets"], amounts.to_text(row["invested"]), amounts.to_text(row["pending"])
    )
    return ManagedUser(
        id=row["id"],
        address=addresses.checksummed(row["blockchain_address"]),
        status=row["status"],
        status_reason=row["status_reason"],
        allowed_transitions=list(_FOLLOWING[row["status"]]),
        tier=Tier(
            row["tier"],
            row["tier_name"],
            most,
            row["requires_kyc"],
        ),
        is_verified=row["kyc_verified_at"] is not None,
        verified_at=row["kyc_verified_at"],
        erasure_requested_at=row["erasure_requested_at"],
        erased_at=row["erased_at"],
        application=application,
        portfolio=portfolio if act.may("investments.read") else None,
        personal=personal,
        login_count=row["login_count"],
        last_login_at=row["last_login_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        version=row["version"],
    )


def personal_data(row: Row, key: DataKey | None) -> PersonalData:
    """Opened with the user's key; nothing is left of it after an erasure."""

    def opened(column: str) -> str | None:
        return None if key is None else key.open(row[column], row=row["id"], column=column)

    return PersonalData(opened("full_name"), opened("email"), row["phone_number_masked"], row["country_code"])
