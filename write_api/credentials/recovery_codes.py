"""Recovery codes: ten of 80 random bits, each good once; which are used is the caller's to keep."""

import hashlib
import hmac
import re
import secrets

CODES = 10
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: without I, L, O and U
_CHARACTERS = 16
_GROUP = 4
_CODE = re.compile(f"[{_ALPHABET}]{{{_CHARACTERS}}}")
_READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})
_RAW_CHARACTERS_MAX = 40


class RecoveryCodeMalformed(Exception):
    """Text that is no recovery code however it is read; it is never shown."""

    def __init__(self) -> None:
        super().__init__(f"a recovery code has {_CHARACTERS} letters and digits")


def new_codes() -> list[str]:
    """Ten codes such as `7K2M-Q0RX-VB4D-9TNE`, to be shown once."""
    return [_grouped("".join(secrets.choice(_ALPHABET) for _ in range(_CHARACTERS))) for _ in range(CODES)]


def normalised(text: str) -> str:
    """The code as it was shown, whatever its case and dashes, O for 0 and I or L for 1."""
    if len(text) > _RAW_CHARACTERS_MAX or not text.isascii():
        raise RecoveryCodeMalformed
    code = text.strip().upper().translate(_READ_AS)
    if _CODE.fullmatch(code) is None:
        raise RecoveryCodeMalformed
    return _grouped(code)


def digest(code: str, key: bytes) -> bytes:
    """HMAC-SHA-256 of the code, however it is written; `key` stays outside the database."""
    return hmac.digest(key, normalised(code).encode(), hashlib.sha256)


def _grouped(code: str) -> str:
    return "-".join(code[at : at + _GROUP] for at in range(0, _CHARACTERS, _GROUP))
