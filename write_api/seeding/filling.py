"""Writes a plan into the database, along every rule: who asks does not decide, personal data is sealed."""

import json
from collections.abc import Iterable
from decimal import Decimal
from uuid import UUID

import msgspec

from postgres.connections import OwnConnection
from write_api.credentials import totp
from write_api.credentials.passwords import Passwords
from write_api.data_keys import DataKey, KeyRing
from write_api.definer_sessions import queries
from write_api.kyc_details import KycDetails, PostalAddress
from write_api.second_factors import SECRET_COLUMN
from write_api.seeding.plan import Plan, PlannedInvestment, PlannedUser

_WHY = "a development database is filled"
_REASON = "The document cannot be read; please upload it again."


async def fill(connection: OwnConnection, keys: KeyRing, passwords: Passwords, plan: Plan) -> dict[UUID, str]:
    """All or nothing; the TOTP secret of each administrator."""
    async with connection.transaction():
        secrets = {admin.id: totp.new_secret() for admin in plan.admins}
        for admin in plan.admins:
            key = keys.new()
            wrapped = await keys.wrap(key)
            hashed = await passwords.hash(admin.password)
            sealed = key.seal(secrets[admin.id], row=admin.id, column=SECRET_COLUMN)
            await queries.seed_admin.exec(
                connection,
                *(admin.id, admin.email, admin.name, admin.role, hashed, sealed),
                *(key.id, wrapped.blob, wrapped.key_id),
            )
        await _users(connection, keys, plan)
        await _tiers(connection, plan)
        await _assets(connection, plan)
        await _investments(connection, plan.investments)
        await _as(connection, plan.admin("super_admin"))
        for status in ("suspended", "closed"):
            chosen = [user.id for user in plan.users if user.status == status]
            await queries.seed_statuses.exec(connection, chosen, status)
        await _as(connection, None)
        await queries.seed_security_events.exec(connection, [user.id for user in plan.users[:12]])
    await queries.refresh_summaries.value(connection)
    return secrets


async def _users(connection: OwnConnection, keys: KeyRing, plan: Plan) -> None:
    users, reviewer = plan.users, plan.admin("kyc_verifier")
    ids = [user.id for user in users]
    await queries.seed_users.exec(connection, ids, [user.wallet for user in users])
    made: dict[UUID, DataKey] = {user.id: keys.new() for user in users}
    wrapped = [await keys.wrap(made[user]) for user in ids]
    await queries.seed_user_keys.exec(
        connection,
        [made[user].id for user in ids],
        ids,
        [each.blob for each in wrapped],
        [each.key_id for each in wrapped],
    )
    await queries.seed_profiles.exec(
        connection,
        ids,
        [made[user.id].seal(user.full_name, row=user.id, column="full_name") for user in users],
        [made[user.id].seal(user.email, row=user.id, column="email") for user in users],
        [user.country for user in users],
    )
    applicants = [user for user in users if user.application]
    await queries.seed_applications.exec(
        connection,
        [user.application_id for user in applicants],
        [user.id for user in applicants],
        [
            made[user.id].seal(_details(user), row=user.application_id, column="details")
            for user in applicants
        ],
    )
    await _as(connection, reviewer)
    reviewed = [user for user in applicants if user.application != "pending_review"]
    await queries.seed_reviews.exec(connection, [user.application_id for user in reviewed], reviewer)
    verified = [user.application_id for user in reviewed if user.application == "verified"]
    await queries.seed_verified.exec(connection, verified, reviewer)
    rejected = [user for user in reviewed if user.application == "rejected"]
    reasons = [
        made[user.id].seal(_REASON, row=user.application_id, column="rejection_reason") for user in rejected
    ]
    await queries.seed_rejected.exec(
        connection, [user.application_id for user in rejected], reviewer, reasons
    )


async def _tiers(connection: OwnConnection, plan: Plan) -> None:
    raised = [user for user in plan.users if user.tier]
    changes = [json.dumps({"tier": user.tier}) for user in raised]
    await _approved(connection, plan, "tier_raise", [user.id for user in raised], changes)
    await queries.seed_tiers.exec(connection, [user.id for user in raised], [user.tier for user in raised])


async def _assets(connection: OwnConnection, plan: Plan) -> None:
    assets, manager = plan.assets, plan.admin("asset_manager")
    await _as(connection, manager)
    await queries.seed_assets.exec(
        connection,
        [each.id for each in assets],
        [each.contract for each in assets],
        [each.type for each in assets],
        [each.title for each in assets],
        [each.category for each in assets],
        [each.location for each in assets],
        manager,
    )
    wished = [each.id for each in assets if each.type == "interest"]
    await queries.seed_offers.exec(
        connection, [each.id for each in assets if each.type == "investment"], wished
    )
    await queries.seed_contacts.exec(connection, wished)
    shown = [each.id for each in assets if each.status != "draft"]
    await _approved(connection, plan, "asset_activation", shown, ["{}" for _ in shown])
    await queries.seed_asset_statuses.exec(connection, shown, "active")
    await _as(connection, manager)
    for status in ("paused", "closed"):
        chosen = [each.id for each in assets if each.status == status]
        await queries.seed_asset_statuses.exec(connection, chosen, status)
    await _as(connection, None)
    await queries.seed_interests.exec(
        connection, [asset for asset, _ in plan.interests], [user for _, user in plan.interests]
    )


async def _investments(connection: OwnConnection, investments: tuple[PlannedInvestment, ...]) -> None:
    def of(*states: str) -> list[UUID]:
        return [each.id for each in investments if each.state in states]

    await queries.seed_investments.exec(
        connection,
        [each.id for each in investments],
        [each.user for each in investments],
        [each.asset for each in investments],
        [each.amount for each in investments],
    )
    held = of("confirmed", "withdrawn", "refunded")
    await queries.seed_confirmed.exec(connection, held)
    await queries.seed_failed.exec(connection, of("failed"))
    await queries.seed_withdrawals.exec(connection, of("withdrawn"), Decimal("0.5"))
    await queries.seed_withdrawals.exec(connection, of("refunded"), Decimal(1))
    await queries.seed_confirmed.exec(connection, of("withdrawn", "refunded"))


async def _approved(
    connection: OwnConnection, plan: Plan, kind: str, resources: list[UUID], changes: Iterable[str]
) -> None:
    """Asked for by one super_admin and approved by another, who acts from then on."""
    first, second = plan.admin("super_admin", 0), plan.admin("super_admin", 1)
    await _as(connection, first)
    await queries.seed_approvals.exec(connection, kind, resources, list(changes), first)
    await _as(connection, second)
    await queries.seed_decisions.exec(connection, kind, resources, second)


async def _as(connection: OwnConnection, admin: UUID | None) -> None:
    await queries.act_as_admin.value(connection, admin, _WHY)


def _details(user: PlannedUser) -> str:
    address = PostalAddress(street="1 Seed Street", city=user.city, country=user.country)
    details = KycDetails(
        full_name=user.full_name, date_of_birth=user.born, nationality=user.country, address=address
    )
    return msgspec.json.encode(details).decode()
