"""What requests carry: parsed once, refused with the field's name and what is allowed."""

import re
from typing import Annotated, TypeAlias

from litestar.params import Parameter, PathParameter

from evm.primitives import Address, Hash32, keccak256
from explorer_api.pages import LIMIT_MAX
from service.http.problems import BadParameter

BLOCK_NUMBER_MAX = 2**63 - 1

Limit: TypeAlias = Annotated[
    int,
    Parameter(ge=1, le=LIMIT_MAX, description=f"Rows of a page, 1 to {LIMIT_MAX}."),
]
CursorText: TypeAlias = Annotated[
    str | None,
    Parameter(
        description="Where to go on: page.next or page.previous of an answer with the same filters.",
    ),
]

AddressInPath: TypeAlias = Annotated[
    str,
    PathParameter(
        description="An address: 0x and 40 hexadecimal digits, in lower case or with its EIP-55 checksum."
    ),
]
BlockInPath: TypeAlias = Annotated[
    str, PathParameter(description="A block: its number, its hash, `latest` or `finalized`.")
]
HashInPath: TypeAlias = Annotated[
    str, PathParameter(description="The hash of a transaction: 0x and 64 hexadecimal digits.")
]
MomentInPath: TypeAlias = Annotated[
    str, PathParameter(description="Seconds since 1970, or ISO 8601 such as 2026-01-31T12:00:00Z.")
]
TokenIdInPath: TypeAlias = Annotated[str, PathParameter(description="The id of an item, in decimal.")]

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}\Z")
_HASH = re.compile(r"0x[0-9a-fA-F]{64}\Z")
_NUMBER = re.compile(r"[0-9]{1,19}\Z")


def address_of(field: str, text: str) -> Address:
    """20 bytes. Mixed case must be the checksum of EIP-55. Raises `BadParameter`."""
    if _ADDRESS.match(text) is None:
        raise BadParameter(field, text, "0x and 40 hexadecimal digits")
    digits = text[2:]
    if digits not in {digits.lower(), digits.upper()} and digits != checksummed(digits.lower()):
        raise BadParameter(
            field, text, "an address with its EIP-55 checksum, or in lower case: a digit of this one is wrong"
        )
    return bytes.fromhex(digits)


def hash_of(field: str, text: str) -> Hash32:
    """32 bytes. Raises `BadParameter`."""
    if _HASH.match(text) is None:
        raise BadParameter(field, text, "0x and 64 hexadecimal digits")
    return bytes.fromhex(text[2:])


def block_number_of(field: str, text: str) -> int:
    """A block number in decimal. Raises `BadParameter`."""
    if _NUMBER.match(text) is None or (number := int(text)) > BLOCK_NUMBER_MAX:
        raise BadParameter(field, text, f"a block number from 0 to {BLOCK_NUMBER_MAX}")
    return number


def checksummed(digits: str) -> str:
    """EIP-55 of 40 lower-case digits."""
    marks = keccak256(digits.encode()).hex()
    return "".join(
        digit.upper() if int(mark, 16) >= 8 else digit for digit, mark in zip(digits, marks, strict=False)
    )
