"""Makes a plan and fills a database with it, unless somebody may be using that."""

from uuid import UUID

from write_api.credentials.passwords import PasswordCost, Passwords
from write_api.data_keys import KeyRing
from write_api.definer_sessions import definer_session, queries
from write_api.key_stores import open_master_keys
from write_api.seeding.filling import fill
from write_api.seeding.plan import Plan, plan
from write_api.settings import WriteSettings


class SeedRefused(Exception):
    """The database holds what must not be mixed with this."""


async def seed_database(
    settings: WriteSettings, users: int, seed: int, *, force: bool
) -> tuple[Plan, dict[UUID, str]]:
    """What was put there, and the TOTP secret of each administrator.

    Raises `SeedRefused`, `EncryptionError`, and the errors of postgres.errors; then nothing is there.
    """
    sign_in = settings.sign_in
    cost = PasswordCost(
        memory_kib=sign_in.argon2_memory_kib, passes=sign_in.argon2_time, lanes=sign_in.argon2_lanes
    )
    planned = plan(users, seed)
    keys = KeyRing(await open_master_keys(settings.encryption))
    async with definer_session(settings, "db") as connection:
        if not force and await queries.count_some_users.value(connection):
            raise SeedRefused("this database has users already; --force adds to them")
        wallets = [user.wallet for user in planned.users]
        if await queries.is_seeded.value(connection, wallets, planned.admins[0].email):
            raise SeedRefused(f"seed {seed} is in this database already; take another --seed")
        with Passwords(cost) as passwords:
            secrets = await fill(connection, keys, passwords, planned)
    return planned, secrets
