"""What an applicant tells about the person: parsed, and sealed as one JSON text."""

import re
from datetime import UTC, date, datetime

import msgspec

from write_api.bodies import Faults
from write_api.inputs import texts
from write_api.inputs.errors import InvalidInput

_COUNTRY = re.compile(r"[A-Z]{2}")
_BORN_FROM = date(1900, 1, 1)


class PostalAddress(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Where the applicant lives."""

    street: str
    city: str
    country: str
    """Two capital letters (ISO 3166-1)."""
    postal_code: str | None = None
    region: str | None = None


class KycDetails(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Who the applicant is, as the documents say."""

    full_name: str
    date_of_birth: date
    nationality: str
    """Two capital letters (ISO 3166-1)."""
    address: PostalAddress
    document_number: str | None = None
    """Of the identity document."""


def check(given: KycDetails, found: Faults) -> KycDetails:
    """The details as they are kept; every wrong field is added to `found`."""
    address = given.address

    def line(field: str, text: str | None, most: int) -> str | None:
        if text is None:
            return None
        return found.parse(f"details.{field}", texts.parse, text, characters_max=most)

    found.parse("details.date_of_birth", _born, given.date_of_birth)
    found.parse("details.nationality", _country, given.nationality)
    found.parse("details.address.country", _country, address.country)
    return KycDetails(
        full_name=line("full_name", given.full_name, 200) or "",
        date_of_birth=given.date_of_birth,
        nationality=given.nationality,
        address=PostalAddress(
            street=line("address.street", address.street, 200) or "",
            city=line("address.city", address.city, 100) or "",
            country=address.country,
            postal_code=line("address.postal_code", address.postal_code, 20),
            region=line("address.region", address.region, 100),
        ),
        document_number=line("document_number", given.document_number, 50),
    )


def _born(day: date) -> date:
    if not _BORN_FROM <= day <= datetime.now(UTC).date():
        raise InvalidInput(f"is a day from {_BORN_FROM} to today")
    return day


def _country(text: str) -> str:
    if _COUNTRY.fullmatch(text) is None:
        raise InvalidInput("is two capital letters (ISO 3166-1), such as EG")
    return text
