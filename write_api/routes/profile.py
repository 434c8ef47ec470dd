"""/api/v1/users/me: the profile of the user who asks, read and changed."""

import re
from typing import Any

import msgspec
from litestar import Request, Router, get, patch
from litestar.openapi.datastructures import ResponseSpec
from msgspec import UNSET, UnsetType

from write_api.acting import USER, Act, Row, expected_version, queries, require_version
from write_api.answer import Answer, answer
from write_api.answers.profile import Profile, Tier
from write_api.bodies import faults
from write_api.data_keys import DataKey
from write_api.desk import Desk
from write_api.inputs import addresses, amounts, emails, json_objects, texts
from write_api.inputs.errors import InvalidInput

_COUNTRY = re.compile(r"[A-Z]{2}\Z")
_PREFERENCES_BYTES_MAX = 8_192


class ProfileChange(msgspec.Struct):
    """What is left out stays as it is; null removes it."""

    full_name: str | UnsetType | None = UNSET
    email: str | UnsetType | None = UNSET
    country_code: str | UnsetType | None = UNSET
    preferences: dict[str, Any] | UnsetType = UNSET


def routes(desk: Desk) -> Router:
    @get(
        "/",
        summary="Your profile and tier",
        operation_id="getProfile",
        responses={200: ResponseSpec(Profile, description="The profile")},
        opt={"actor": USER},
    )
    async def get_profile(request: Request[Any, Any, Any]) -> Answer:
        async def read(act: Act) -> Answer:
            profile = _profile(await _row(act), await act.key_of(act.me))
            return answer(profile, version=profile.version)

        return await desk.office.run(request, read)

    @patch(
        "/",
        summary="Change your profile",
        operation_id="changeProfile",
        responses={200: ResponseSpec(Profile, description="The profile as it is now")},
        opt={"actor": USER},
    )
    async def change_profile(request: Request[Any, Any, Any], data: ProfileChange) -> Answer:
        version = expected_version(request)
        with faults() as found:
            if data.full_name:
                data.full_name = found.parse("full_name", texts.parse, data.full_name, characters_max=200)
            if data.email:
                data.email = found.parse("email", emails.parse, data.email)
            if data.country_code:
                found.parse("country_code", _country, data.country_code)
            if data.preferences:
                found.parse(
                    "preferences", json_objects.parse, data.preferences, bytes_max=_PREFERENCES_BYTES_MAX
                )

        async def change(act: Act) -> Answer:
            row = await _row(act)
            require_version(version, row["version"])
            key = await act.my_key()

            def sealed(column: str, given: str | UnsetType | None) -> bytes | None:
                if given is UNSET:
                    kept: bytes | None = row[column]
                    return kept
                return key.seal(given, row=act.me, column=column) if given else None

            preferences = row["preferences"]
            if data.preferences is not UNSET:
                preferences = msgspec.json.encode(data.preferences).decode()
            country = row["country_code"] if data.country_code is UNSET else data.country_code
            changed = await act.one(
                queries.update_profile,
                act.me,
                version,
                sealed("full_name", data.full_name),
                sealed("email", data.email),
                preferences,
                country,
            )
            if changed is None:  # somebody was faster between the two statements
                require_version(version, (await _row(act))["version"])
            profile = _profile(await _row(act), key)
            return answer(profile, version=profile.version)

        return await desk.office.run(request, change)

    return Router("/users/me", route_handlers=[get_profile, change_profile], tags=["users"])


async def _row(act: Act) -> Row:
    row = await act.one(queries.select_profile, act.me)
    assert row is not None, "who acts is there"
    return row


def _profile(row: Row, key: DataKey | None) -> Profile:
    def opened(column: str) -> str | None:
        return None if key is None else key.open(row[column], row=row["id"], column=column)

    return Profile(
        id=row["id"],
        address=addresses.checksummed(row["blockchain_address"]),
        status=row["status"],
        tier=Tier(row["tier"], row["tier_name"], _amount(row["invested_max"]), row["requires_kyc"]),
        is_verified=row["kyc_verified_at"] is not None,
        phone_number_masked=row["phone_number_masked"],
        country_code=row["country_code"],
        full_name=opened("full_name"),
        email=opened("email"),
        preferences=msgspec.json.decode(row["preferences"]),
        created_at=row["created_at"],
        last_login_at=row["last_login_at"],
        login_count=row["login_count"],
        version=row["version"],
    )


def _amount(amount: Any) -> str | None:
    return None if amount is None else amounts.to_text(amount)


def _country(text: str) -> str:
    if _COUNTRY.match(text) is None:
        raise InvalidInput("is two capital letters (ISO 3166-1), such as EG")
    return text
