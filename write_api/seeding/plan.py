"""PURE. Who and what a seeded database holds; the same for the same seed, however often it is asked."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from hashlib import sha256
from random import Random
from typing import Final
from uuid import UUID

from evm.primitives import Address
from evm.secp256k1 import address_of

ADMIN_ROLES: Final = (
    "super_admin",
    "super_admin",
    "asset_manager",
    "kyc_verifier",
    "auditor",
    "viewer",
)
APPLICATION_STATES: Final = (
    "",
    "pending_review",
    "under_review",
    "verified",
    "verified",
    "verified",
    "rejected",
)
ASSET_STATES: Final = ("draft", "active", "active", "paused", "closed")
INVESTMENT_STATES: Final = (
    "pending",
    "confirmed",
    "confirmed",
    "confirmed",
    "failed",
    "withdrawn",
    "refunded",
)
_USERS_PER_SET: Final = 100
_GIVEN: Final = ("Amal", "Omar", "Layla", "Youssef", "Nadia", "Karim", "Salma", "Tarek", "Hana", "Idris")
_FAMILY: Final = (
    "Haddad",
    "Mansour",
    "Farouk",
    "Saleh",
    "Nasser",
    "Aziz",
    "Rahman",
    "Khalil",
    "Sabry",
    "Amin",
)
_CITIES: Final = (("Cairo", "EG"), ("Berlin", "DE"), ("Dubai", "AE"), ("Casablanca", "MA"), ("Lyon", "FR"))
_KINDS: Final = ("villa", "tower", "orchard", "solar park", "warehouse", "hotel")


@dataclass(frozen=True, slots=True)
class PlannedAdmin:
    id: UUID
    email: str
    name: str
    role: str
    password: str


@dataclass(frozen=True, slots=True)
class PlannedUser:
    """`application` is the state of the application, empty without one."""

    id: UUID
    private_key: bytes
    wallet: Address
    full_name: str
    email: str
    city: str
    country: str
    born: date
    tier: int
    status: str
    application_id: UUID
    application: str


@dataclass(frozen=True, slots=True)
class PlannedAsset:
    id: UUID
    contract: Address | None
    type: str
    title: str
    category: str
    location: str
    status: str


@dataclass(frozen=True, slots=True)
class PlannedInvestment:
    id: UUID
    user: UUID
    asset: UUID
    amount: Decimal
    state: str


@dataclass(frozen=True, slots=True)
class Plan:
    admins: tuple[PlannedAdmin, ...]
    users: tuple[PlannedUser, ...]
    assets: tuple[PlannedAsset, ...]
    investments: tuple[PlannedInvestment, ...]
    interests: tuple[tuple[UUID, UUID], ...]
    """Asset and user."""

    def admin(self, role: str, number: int = 0) -> UUID:
        return [each.id for each in self.admins if each.role == role][number]


def plan(users: int, seed: int) -> Plan:
    random = Random(f"pend {seed}")  # noqa: S311  the same again is what is wanted
    admins = tuple(_admin(random, number, role, seed) for number, role in enumerate(ADMIN_ROLES))
    people = tuple(_user(random, number, seed) for number in range(users))
    kinds = ("investment", "interest")
    # So many that no row of totals is written again and again within the one transaction.
    sets = 1 + users // _USERS_PER_SET
    assets = tuple(
        _asset(random, type_, state) for _ in range(sets) for type_ in kinds for state in ASSET_STATES
    )
    investors = [each for each in people if each.tier and each.status == "active"]
    open_assets = [each for each in assets if each.type == "investment" and each.status == "active"]
    investments = tuple(
        PlannedInvestment(
            _id(random),
            investor.id,
            random.choice(open_assets).id,
            Decimal(random.randint(10, 900_00)) / 100,
            INVESTMENT_STATES[number % len(INVESTMENT_STATES)],
        )
        for number, investor in enumerate(each for each in investors for _ in range(3))
    )
    wished = [each for each in assets if each.type == "interest" and each.status == "active"]
    share = 0.3 / sets
    interests = tuple((each.id, user.id) for each in wished for user in people if random.random() < share)
    return Plan(admins, people, assets, investments, interests)


def _admin(random: Random, number: int, role: str, seed: int) -> PlannedAdmin:
    name = f"{random.choice(_GIVEN)} {random.choice(_FAMILY)}"
    email = f"{role.replace('_', '-')}-{number}@seed{seed}.example.com"
    return PlannedAdmin(_id(random), email, name, role, f"seed {random.getrandbits(64):016x}")


def _user(random: Random, number: int, seed: int) -> PlannedUser:
    private_key = sha256(f"pend seed {seed} wallet {number}".encode()).digest()
    given, family = random.choice(_GIVEN), random.choice(_FAMILY)
    city, country = random.choice(_CITIES)
    application = APPLICATION_STATES[number % len(APPLICATION_STATES)]
    return PlannedUser(
        id=_id(random),
        private_key=private_key,
        wallet=address_of(private_key),
        full_name=f"{given} {family}",
        email=f"{given}.{family}.{number}@example.com".lower(),
        city=city,
        country=country,
        born=date(1950, 1, 1) + timedelta(days=random.randrange(18_000)),
        tier=random.randint(1, 5) if application == "verified" else 0,
        status=random.choices(("active", "suspended", "closed"), (18, 1, 1))[0],
        application_id=_id(random),
        application=application,
    )


def _asset(random: Random, type_: str, status: str) -> PlannedAsset:
    kind, (city, country) = random.choice(_KINDS), random.choice(_CITIES)
    contract = random.randbytes(20) if type_ == "investment" else None
    title = f"{city} {kind} {random.randint(1, 99)}"
    return PlannedAsset(_id(random), contract, type_, title, kind, f"{city}, {country}", status)


def _id(random: Random) -> UUID:
    return UUID(int=random.getrandbits(128), version=4)
