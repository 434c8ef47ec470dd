import pytest
from hypothesis import given
from hypothesis import strategies as st

from write_api.inputs.errors import InvalidInput
from write_api.inputs.phones import parse


@pytest.mark.parametrize(
    ("text", "region", "e164", "masked", "country"),
    [
        ("+201001237890", None, "+201001237890", "+20***7890", "EG"),
        ("+20 100 123 7890", None, "+201001237890", "+20***7890", "EG"),
        (" +20 (100) 123-7890 ", None, "+201001237890", "+20***7890", "EG"),
        ("0100 123 7890", "EG", "+201001237890", "+20***7890", "EG"),
        ("00201001237890", "EG", "+201001237890", "+20***7890", "EG"),
        ("+\u0662\u0660\u0661\u0660\u0660\u0661\u0662\u0663\u0667\u0668\u0669\u0660", None, "+201001237890", "+20***7890", "EG"),
        ("\uff0b201001237890", None, "+201001237890", "+20***7890", "EG"),
        ("+20\u2011100\u2013123\u20107890", None, "+201001237890", "+20***7890", "EG"),
        ("+44 7400 123456", None, "+447400123456", "+44***3456", "GB"),
        ("+1 (202) 555-0123", None, "+12025550123", "+1***0123", "US"),
        ("+1 613 555 0123", None, "+16135550123", "+1***0123", "CA"),
        ("+800 1234 5678", None, "+80012345678", "+800***5678", "001"),
    ],
)  # fmt: skip
def test_parse_gives_e164_its_mask_and_its_country(
    text: str, region: str | None, e164: str, masked: str, country: str
) -> None:
    phone = parse(text, region)
    assert (phone.e164, phone.masked, phone.region) == (e164, masked, country)


def test_the_mask_of_a_short_number_shows_less_of_it() -> None:
    assert parse("+290 22158").masked == "+290***58"


def test_repr_shows_the_mask_only() -> None:
    assert "1001237890" not in repr(parse("+201001237890"))


@pytest.mark.parametrize(
    ("text", "region", "names"),
    [
        ("0100 123 7890", None, "has no country"),
        ("00201001237890", None, "has no country"),
        ("+20100123789", None, "not a number in use under the country code \\+20"),
        ("+2010012378901", None, "\\+20"),
        ("+12025550", None, "\\+1"),
        ("+999123456789", None, "of any country"),
        ("+0201001237890", None, "of any country"),
        ("+1-800-FLOWERS", None, "without letters"),
        ("+1 202 555 0123 ext. 5", None, "without letters or an extension"),
        ("+1 202 555 0123;ext=5", None, "extension"),
        ("+1 202 555 0123x5", None, "extension"),
        ("+1 202 555 0123#5", None, "extension"),
        ("tel:+12025550123", None, "not a phone number"),
        ("++12025550123", None, "not a phone number"),
        ("+1202+5550123", None, "not a phone number"),
        ("+1 202 555\n0123", None, "not a phone number"),
        ("+1202555\u202e0123", None, "not a phone number"),
        ("+\u2460\u2461", None, "number"),
        ("", None, "not a phone number"),
        ("+", None, "not a phone number"),
        ("-", "EG", "of any country"),
        ("122", "EG", "\\+20"),
        ("+" + "1" * 40, None, "41 characters.*at most 40"),
        pytest.param("1" * 10_000_000, None, "at most 40", id="ten million digits"),
        (None, None, "must be a text"),
        (201001237890, None, "must be a text"),
    ],
)
def test_parse_of_what_is_no_number_refused_with_the_reason(
    text: object, region: str | None, names: str
) -> None:
    with pytest.raises(InvalidInput, match=names):
        parse(text, region)


@given(
    st.text(max_size=45) | st.from_regex(r"\+?[0-9 ().\-/]{1,20}", fullmatch=True),
    st.sampled_from([None, "EG", "US", "XX"]),
)
def test_parse_of_any_text_is_its_own_e164_or_refused(text: str, region: str | None) -> None:
    try:
        phone = parse(text, region)
    except InvalidInput:
        return
    assert parse(phone.e164) == phone
    assert phone.e164[1:].isdecimal()
    assert phone.e164.isascii()
    assert phone.masked.partition("***")[2] == phone.e164[-len(phone.masked.partition("***")[2]) :]
