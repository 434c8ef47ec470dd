"""PURE: the text that a wallet signs to agree, and the form of its signature."""

import re
from uuid import UUID

from write_api.inputs import texts
from write_api.inputs.errors import InvalidInput

SIGNATURE_BYTES_MAX = 8_192
_SIGNATURE = re.compile("0x(?:[0-9a-fA-F]{2})+")


def text_to_sign(domain: str, asset_id: UUID, agreement_hash: bytes, agreement_url: str | None) -> str:
    """Names the installation, the asset and the document; another document is another text."""
    lines = [
        f"{domain}: I have read the agreement of this asset and agree to it.",
        "",
        f"Asset: {asset_id}",
        f"Agreement (SHA-256): 0x{agreement_hash.hex()}",
    ]
    if agreement_url is not None:
        lines.append(f"Document: {agreement_url}")
    return "\n".join(lines)


def parse_signature(given: object) -> bytes:
    """0x and hexadecimal digits."""
    plain = texts.parse(given, characters_max=2 + 2 * SIGNATURE_BYTES_MAX)
    if _SIGNATURE.fullmatch(plain) is None:
        raise InvalidInput("is not a signature: write 0x and an even number of hexadecimal digits")
    return bytes.fromhex(plain[2:])
