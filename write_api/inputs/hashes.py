"""Hashes of transactions, blocks and documents."""

import re

from evm.primitives import Hash32
from write_api.inputs.errors import InvalidInput

_HASH = re.compile("0x[0-9a-fA-F]{64}")


def parse(text: object) -> Hash32:
    if not isinstance(text, str) or _HASH.fullmatch(text) is None:
        raise InvalidInput("is not a hash: write 0x and 64 hexadecimal digits")
    return bytes.fromhex(text[2:])
