import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from write_api.uploads.errors import FilenameRefused
from write_api.uploads.filenames import BYTES_MAX, extension, kept_filename


@pytest.mark.parametrize(
    ("declared", "kept"),
    [
        ("passport.pdf", "passport.pdf"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\windows\\win.ini", "win.ini"),
        ("C:\\Users\\me\\id.png", "id.png"),
        ("C:id.png", "id.png"),
        ("C:D:id.png", "id.png"),
        ("a\0.pdf", "a.pdf"),
        ("a\r\nSet-Cookie: x.pdf", "aSet-Cookie: x.pdf"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("\u2066id\u2069.png", "id.png"),
        ("i\u200bd\ufeff.png", "id.png"),
        ("Ausweis u\u0308ber.pdf", "Ausweis \u00fcber.pdf"),
        ("護照.pdf", "護照.pdf"),
        ("  id .pdf. . ", "id .pdf"),
        ("a\u00a0b.pdf", "a b.pdf"),
        (".\0.\0/x", "x"),
        ("u\0\u0308.pdf", "\u00fc.pdf"),
        ("\ud800id.pdf", "id.pdf"),
    ],
)
def test_name_is_kept_without_path_and_tricks(declared: str, kept: str) -> None:
    assert kept_filename(declared) == kept


@pytest.mark.parametrize(
    "declared", ["", ".", "..", "...", "a/", "a\\", "\0", " ", "C:", "/..", "\u202e", ". ."]
)
def test_name_of_which_nothing_is_left_is_refused(declared: str) -> None:
    with pytest.raises(FilenameRefused, match=r"such as passport\.pdf"):
        kept_filename(declared)


@pytest.mark.parametrize(
    ("declared", "kept"),
    [
        ("a" * 300 + ".pdf", "a" * 251 + ".pdf"),
        ("ü" * 300 + ".pdf", "ü" * 125 + ".pdf"),
        ("a" * 300, "a" * 255),
        ("a." + "b" * 300, "a." + "b" * 253),
        ("." + "b" * 300, "." + "b" * 254),
    ],
)
def test_long_name_is_cut_at_a_character_before_its_extension(declared: str, kept: str) -> None:
    assert kept_filename(declared) == kept


@given(st.text(st.one_of(st.sampled_from("./\\:C \0\u202e\u0308a"), st.characters(codec=None)), max_size=400))
def test_kept_name_is_always_fit_and_keeping_it_again_changes_nothing(declared: str) -> None:
    try:
        kept = kept_filename(declared)
    except FilenameRefused:
        return
    assert 0 < len(kept.encode()) <= BYTES_MAX
    assert kept not in {".", ".."}
    assert not set(kept) & set("/\\\0")
    assert not any(unicodedata.category(sign) in {"Cc", "Cf", "Cs"} for sign in kept)
    assert unicodedata.is_normalized("NFC", kept)
    assert kept_filename(kept) == kept


@pytest.mark.parametrize(("name", "found"), [("a.PDF", "pdf"), ("a", ""), ("a.b.jpg", "jpg"), ("a.", "")])
def test_extension_is_what_follows_the_last_dot(name: str, found: str) -> None:
    assert extension(name) == found
