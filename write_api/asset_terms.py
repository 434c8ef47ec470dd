"""PURE: the terms of an asset as an administrator writes them, and as the schema takes them."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec

from write_api.answers.assets import AssetType, ContactFormat, LegalDocument
from write_api.bodies import Faults
from write_api.inputs import addresses, amounts, emails, hashes, phones, texts, urls
from write_api.inputs.errors import InvalidInput

_CURRENCY, _SYMBOL = re.compile(r"[A-Z0-9]{2,10}\Z"), re.compile(r"[A-Za-z0-9]{1,10}\Z")
_DIGITS, _DECIMALS = 20, 18  # numeric(38, 18)
_LEGAL_DOCUMENTS_MAX = 50
_LOCKUP_DAYS_MAX, _YEAR_MAX = 36_500, 2_200
_OF_INVESTMENTS = ("token_price", "max_supply", "minimum_investment", "lockup_period")
_OF_INTEREST = ("soft_cap", "contact_format", "contact_value")

Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class AssetTerms(msgspec.Struct):
    """The details of an asset, all of them: what is left out is not there. Amounts are decimal text."""

    currency: str = "PEND"
    token_symbol: str | None = None
    token_price: str | None = None
    token_decimals: int = 18
    max_supply: str | None = None
    """Whole tokens; with the price they make the cap."""
    expected_roi: str | None = None
    """Per cent, two decimals."""
    lockup_period: int | None = None
    """Days."""
    minimum_investment: str | None = None
    soft_cap: str | None = None
    deadline: Moment | None = None
    contact_format: ContactFormat | None = None
    contact_value: str | None = None
    jurisdiction: str | None = None
    spv_name: str | None = None
    custody_type: str | None = None
    min_tier_required: int = 1
    legal_documents: list[LegalDocument] = []
    agreement_url: str | None = None
    agreement_hash: str | None = None
    """SHA-256 of the agreement, 0x and 64 hexadecimal digits."""


def values(terms: AssetTerms, found: Faults) -> tuple[Any, ...]:
    """What the columns of account.asset_details are given, in their order; faults are added by field."""
    if _CURRENCY.match(terms.currency) is None:
        found.add("currency", "is 2 to 10 capital letters and digits, such as PEND")
    if terms.token_symbol is not None and _SYMBOL.match(terms.token_symbol) is None:
        found.add("token_symbol", "is 1 to 10 letters and digits")
    for field, number, most in (
        ("token_decimals", terms.token_decimals, 18),
        ("lockup_period", terms.lockup_period, _LOCKUP_DAYS_MAX),
        ("min_tier_required", terms.min_tier_required, 5),
    ):
        if number is not None and not 0 <= number <= most:
            found.add(field, f"is a whole number of 0 to {most}")
    price = _money(found, "token_price", terms.token_price)
    supply = _amount(found, "max_supply", terms.max_supply, 18, 0)
    if price is not None and supply is not None and price * supply >= 10**_DIGITS:
        found.add("max_supply", f"makes a cap of more than {_DIGITS} digits with this token_price: lower one")
    return (
        terms.currency,
        terms.token_symbol,
        price,
        terms.token_decimals,
        None if supply is None else int(supply),
        _amount(found, "expected_roi", terms.expected_roi, 3, 2, positive=False),
        terms.lockup_period,
        _smallest_unit(found, "minimum_investment", terms.minimum_investment, terms.token_decimals),
        _smallest_unit(found, "soft_cap", terms.soft_cap, terms.token_decimals),
        terms.deadline,
        terms.contact_format,
        _contact(found, terms),
        *(_line(found, name, getattr(terms, name)) for name in ("jurisdiction", "spv_name", "custody_type")),
        terms.min_tier_required,
        msgspec.json.encode(_legal_documents(found, terms.legal_documents)).decode(),
        None
        if terms.agreement_url is None
        else found.parse("agreement_url", urls.parse, terms.agreement_url),
        None
        if terms.agreement_hash is None
        else found.parse("agreement_hash", hashes.parse, terms.agreement_hash),
    )


def check_type(terms: AssetTerms, type_: AssetType, found: Faults) -> None:
    """What assets of the other type have is named, field by field."""
    others = _OF_INVESTMENTS if type_ == "interest" else _OF_INTEREST
    kind = "investment" if type_ == "interest" else "interest-only"
    for field in others:
        if getattr(terms, field) is not None:
            found.add(field, f"is of {kind} assets alone; this is an asset of type {type_}: leave it out")


def check_deadline(terms: AssetTerms, before: datetime | None, now: datetime, found: Faults) -> None:
    """A deadline lies ahead, unless it is the one that stands already."""
    if terms.deadline is not None and terms.deadline.year > _YEAR_MAX:
        found.add("deadline", f"lies behind the year {_YEAR_MAX}: name an earlier one, or none")
    elif terms.deadline is not None and terms.deadline <= now and terms.deadline != before:
        found.add("deadline", f"has passed: it is {now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ} now")


def contract_address(text: str) -> bytes:
    """A contract is not at the zero address. Raises `InvalidInput`."""
    address = addresses.parse(text)
    if not any(address):
        raise InvalidInput("is the zero address, where no contract can be")
    return address


def _money(found: Faults, field: str, text: str | None) -> Decimal | None:
    return _amount(found, field, text, _DIGITS, _DECIMALS)


def _amount(
    found: Faults, field: str, text: str | None, digits: int, decimals: int, *, positive: bool = True
) -> Decimal | None:
    if text is None:
        return None
    return found.parse(
        field, amounts.parse, text, integer_digits_max=digits, decimals_max=decimals, positive=positive
    )


def _smallest_unit(found: Faults, field: str, text: str | None, decimals: int) -> Decimal | None:
    """An amount that the asset's decimals can say."""
    return _amount(found, field, text, _DIGITS, min(max(decimals, 0), _DECIMALS))


def _line(found: Faults, field: str, text: str | None) -> str | None:
    return None if text is None else found.parse(field, texts.parse, text, characters_max=255)


def _contact(found: Faults, terms: AssetTerms) -> str | None:
    if (terms.contact_format is None) != (terms.contact_value is None):
        missing = "contact_value" if terms.contact_value is None else "contact_format"
        found.add(missing, "is missing: contact_format and contact_value go together")
        return None
    if terms.contact_format == "whatsapp":
        return found.parse("contact_value", _whatsapp, terms.contact_value)
    return (
        None
        if terms.contact_format is None
        else found.parse("contact_value", emails.parse, terms.contact_value)
    )


def _whatsapp(text: str) -> str:
    return phones.parse(text).e164


def _legal_documents(found: Faults, given: list[LegalDocument]) -> list[LegalDocument]:
    if len(given) > _LEGAL_DOCUMENTS_MAX:
        found.add("legal_documents", f"has {len(given)} entries: at most {_LEGAL_DOCUMENTS_MAX} are kept")
        return []
    for place, document in enumerate(given):
        at = f"legal_documents[{place}]"
        document.title = found.parse(f"{at}.title", texts.parse, document.title, characters_max=255)
        found.parse(f"{at}.url", urls.parse, document.url)
        if document.sha256 is not None:
            found.parse(f"{at}.sha256", hashes.parse, document.sha256)
    return given
