"""Ethereum addresses as people write them, with the checksum of EIP-55."""

import re

from evm.primitives import Address, keccak256
from write_api.inputs.errors import InvalidInput

_ADDRESS = re.compile("0x[0-9a-fA-F]{40}")


def parse(text: object) -> Address:
    """20 bytes; letters of one case are taken as they are, of both cases only with the right checksum."""
    if not isinstance(text, str) or _ADDRESS.fullmatch(text) is None:
        raise InvalidInput("is not an address: write 0x and 40 hexadecimal digits")
    digits = text[2:]
    address = bytes.fromhex(digits)
    mixed = digits not in {digits.lower(), digits.upper()}
    if mixed and text != checksummed(address):
        raise InvalidInput(
            "has a wrong checksum (EIP-55), so at least one character is wrong: copy the address again"
        )
    return address


def checksummed(address: Address) -> str:
    """`0x…` with the letters upper-case where EIP-55 wants them so."""
    digits = address.hex()
    marks = keccak256(digits.encode()).hex()
    cased = (
        digit.upper() if int(mark, 16) >= 8 else digit for digit, mark in zip(digits, marks, strict=False)
    )
    return "0x" + "".join(cased)
