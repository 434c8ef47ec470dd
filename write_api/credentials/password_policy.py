"""Which passwords are taken: long, not guessed at once, and one spelling for what looks the same."""

import unicodedata
from itertools import pairwise
from typing import Final

CHARACTERS_MIN: Final = 12
CHARACTERS_MAX: Final = 256
# One character becomes at most 18 under NFKC (U+FDFA): beyond this a text is not even normalised.
_RAW_CHARACTERS_MAX: Final = 1024
_DISTINCT_MIN: Final = 4
_FOLLOWING_MAX: Final = 0.75  # share of characters that repeat the one before, or count on from it

# What remains of the lists of leaked passwords once short ones and mere runs are gone.
_COMMON: Final = frozenset(
    {
        "1q2w3e4r5t6y",
        "1qaz2wsx3edc",
        "adminadminadmin",
        "administrator",
        "changemechangeme",
        "correcthorsebatterystaple",
        "iloveyouiloveyou",
        "letmeinletmein",
        "passwordpassword",
        "qwertyuiop123",
        "qwertyuiopasdfgh",
        "welcomewelcome",
        "zaq12wsxcde3",
    }
)
# With digits or signs around them these are the most common passwords of any length.
_COMMON_STEMS: Final = frozenset(
    {"", "admin", "administrator", "changeme", "football", "iloveyou", "letmein", "password", "qwerty"}
    | {"qwertyuiop", "secret", "superadmin", "welcome"}
)


class WeakPassword(Exception):
    """A password that is not taken; `reason` says what to do and shows nothing of it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def normalised(password: str) -> str:
    """NFKC (RFC 8265 asks for one form; this one also joins full-width and ligatures)."""
    return unicodedata.normalize("NFKC", password)


def is_readable(password: str) -> bool:
    """Whether it is short enough to be worth normalising and hashing."""
    return len(password) <= _RAW_CHARACTERS_MAX


def require_strong(password: str, *, email: str, name: str) -> None:
    """Raises `WeakPassword` with the first rule that `password` breaks."""
    if not is_readable(password):
        raise WeakPassword(f"has {len(password)} characters: use at most {CHARACTERS_MAX}")
    text = normalised(password)
    if len(text) < CHARACTERS_MIN:
        raise WeakPassword(f"has {len(text)} characters: use at least {CHARACTERS_MIN}")
    if len(text) > CHARACTERS_MAX:
        raise WeakPassword(f"has {len(text)} characters: use at most {CHARACTERS_MAX}")
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in text):
        raise WeakPassword("has control characters: use letters, digits, signs and blanks")
    folded = text.casefold()
    if len(set(folded)) < _DISTINCT_MIN or _is_run(folded):
        raise WeakPassword("repeats or counts: use words or characters that do not follow one another")
    if folded in _COMMON or folded.strip("0123456789!?.-_@#$* ") in _COMMON_STEMS:
        raise WeakPassword("is among the first to be guessed: use several unrelated words")
    if _is_own(folded, email, name):
        raise WeakPassword("is made of the account's own email or name: use something unrelated")


def _is_run(text: str) -> bool:
    steps = [ord(after) - ord(before) for before, after in pairwise(text)]
    return sum(step in {-1, 0, 1} for step in steps) > len(steps) * _FOLLOWING_MAX


def _is_own(folded: str, email: str, name: str) -> bool:
    own = {normalised(email).casefold(), normalised(email).casefold().partition("@")[0]}
    own |= {normalised(name).casefold(), "".join(normalised(name).casefold().split())}
    bare = folded.strip("0123456789!?.-_@#$* ")
    return any(part and part in {folded, bare, folded.replace(" ", "")} for part in own)
