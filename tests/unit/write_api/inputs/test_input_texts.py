import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from write_api.inputs.errors import InvalidInput
from write_api.inputs.texts import parse


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("  Amina Hassan\n", "Amina Hassan"),
        ("Cafe\u0301", "Caf\u00e9"),
        ("\u00a0Zo\u00eb\u3000", "Zo\u00eb"),
        ("\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"),
        ("\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f468\u200d\U0001f469\u200d\U0001f467"),
        ("' OR 1=1; --", "' OR 1=1; --"),
    ],
)  # fmt: skip
def test_parse_gives_one_spelling(written: str, kept: str) -> None:
    assert parse(written, characters_max=40) == kept


def test_parse_of_several_lines_keeps_them_only_where_they_are_wanted() -> None:
    assert parse("one\r\n\ttwo\rthree\n", characters_max=40, single_line=False) == "one\n\ttwo\nthree"
    for line_break in "\n\r\t\u2028\u2029":
        with pytest.raises(InvalidInput, match="remove it"):
            parse(f"one{line_break}two", characters_max=40)


@pytest.mark.parametrize(
    "character",
    ["\x00", "\x07", "\x1b", "\x7f", "\x85", "\u202a", "\u202e", "\u2066", "\u2069", "\u200b", "\ufeff", "\u00ad", "\U000e0041", "\ue000", "\ud800"],
)  # fmt: skip
@pytest.mark.parametrize("single_line", [True, False])
def test_parse_of_what_hides_or_reverses_refused_by_its_code_point(character: str, single_line: bool) -> None:
    for text in (f"a{character}b", f"{character}ab", f"ab{character}"):
        with pytest.raises(InvalidInput, match=f"U\\+{ord(character):04X}"):
            parse(text, characters_max=40, single_line=single_line)


def test_parse_counts_characters_as_they_are_kept() -> None:
    assert parse("e\u0301" * 10, characters_max=10) == "\u00e9" * 10
    with pytest.raises(InvalidInput, match=r"11 characters.*at most 10"):
        parse("a" * 11, characters_max=10)
    with pytest.raises(InvalidInput, match=r"5000 characters.*at most 10"):
        parse("a" * 5000, characters_max=10)
    with pytest.raises(InvalidInput, match=r"2 characters.*at least 3"):
        parse(" ab ", characters_max=10, characters_min=3)
    with pytest.raises(InvalidInput, match="0 characters"):
        parse("  ", characters_max=10)
    assert parse("  ", characters_max=10, characters_min=0) == ""


@pytest.mark.parametrize("value", [None, 1, True, ["a"], b"a"])
def test_parse_of_what_is_no_text_refused(value: object) -> None:
    with pytest.raises(InvalidInput, match="must be a text"):
        parse(value, characters_max=10)


@given(st.text(max_size=60), st.booleans())
def test_parse_of_any_text_is_composed_trimmed_bounded_or_refused(text: str, single_line: bool) -> None:
    try:
        kept = parse(text, characters_max=20, single_line=single_line)
    except InvalidInput:
        return
    assert unicodedata.is_normalized("NFC", kept)
    assert kept == kept.strip()
    assert 1 <= len(kept) <= 20
    assert parse(kept, characters_max=20, single_line=single_line) == kept
    kept.encode()
