"""PURE. What a contract's answer to name(), symbol(), decimals() or totalSupply() means.

A contract may answer anything: nothing of it is believed further than its bytes go, and whatever is wrong
with it is said in words, never raised.
"""

import unicodedata
from dataclasses import dataclass

from eth_abi.exceptions import DecodingError
from web3 import Web3

TEXT_CHARACTERS_MAX = 256
DECIMALS_MAX = 255
CLIPPED = "…"

_WORD_BYTES = 32
# Cc: controls, NUL among them, which PostgreSQL's text cannot hold. Cs: half a surrogate pair. Cf: characters
# that change the order or the sight of others, with which a name can imitate another.
_HIDDEN = frozenset({"Cc", "Cs", "Cf"})
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

_codec = Web3().codec


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An answer that means nothing, and why."""

    fault: str


def read_text(answer: bytes) -> str | Unreadable:
    """A `string`, or a `bytes32` as tokens before ERC-20 was settled have it; see `shown_text`."""
    if len(answer) == _WORD_BYTES:
        return _read_word(answer)
    if not answer:
        return Unreadable("empty answer")
    try:
        # As bytes: the same layout, and invalid UTF-8 is no error there. Not strict about padding.
        (found,) = _codec.decode(["bytes"], answer, strict=False)
    except (DecodingError, ArithmeticError) as error:  # the latter: a length beyond any address space
        return Unreadable(f"not a string: {type(error).__name__} in {len(answer)} bytes")
    start = int.from_bytes(answer[:_WORD_BYTES], "big")
    said = int.from_bytes(answer[start : start + _WORD_BYTES], "big")
    if said != len(found):
        return Unreadable(f"a string of {len(found)} bytes that says it has more")
    return shown_text(found)


def _read_word(answer: bytes) -> str | Unreadable:
    text = answer.rstrip(b"\0")
    try:
        text.decode()
    except UnicodeDecodeError:
        return Unreadable("a word that is not UTF-8")
    # A number or an address is a word too, and begins with zeros.
    return shown_text(text) if answer[0] else Unreadable("a word that is no text")


def read_number(answer: bytes) -> int | Unreadable:
    """A `uint256`; what follows its word is not looked at."""
    if len(answer) < _WORD_BYTES:
        return Unreadable(
            f"{len(answer)} bytes where a number has {_WORD_BYTES}" if answer else "empty answer"
        )
    return int.from_bytes(answer[:_WORD_BYTES], "big")


def read_decimals(answer: bytes) -> int | Unreadable:
    """A `uint8`."""
    found = read_number(answer)
    if isinstance(found, int) and found > DECIMALS_MAX:
        return Unreadable(f"decimals above {DECIMALS_MAX}, a number of {found.bit_length()} bits")
    return found


def read_address(answer: bytes) -> bytes | Unreadable:
    """An `address` other than zero."""
    if len(answer) < _WORD_BYTES or any(answer[:12]) or not any(answer[12:_WORD_BYTES]):
        return Unreadable(f"{len(answer)} bytes that are no address")
    return answer[12:_WORD_BYTES]


def shown_text(data: bytes) -> str:
    """`data` as text that a database can hold and a page can show: clipped and marked where it is long.

    What is not UTF-8 and what cannot be seen becomes U+FFFD.
    """
    # The longest characters have four bytes; one more shows that there is more.
    text = data[: 4 * (TEXT_CHARACTERS_MAX + 1)].decode("utf-8", "replace")
    shown = "".join(_REPLACEMENT if unicodedata.category(each) in _HIDDEN else each for each in text)
    if len(shown) > TEXT_CHARACTERS_MAX:
        return shown[:TEXT_CHARACTERS_MAX] + CLIPPED
    return shown
