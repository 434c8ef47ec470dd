"""PURE: hashes by which a value is found again without being kept, such as that of a phone number.

Keyed by a secret of its own, never by a master key, so that they outlive every rotation.
"""

import hashlib
import hmac

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_INFO = b"pend index key 1"


def derive_index_key(secret: bytes) -> bytes:
    """The key of all hashes, by HKDF-SHA256 from the `index` secret of the key store."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=_INFO).derive(secret)


def keyed_hash(index_key: bytes, purpose: str, text: str) -> bytes:
    """32 bytes of HMAC-SHA256; the same text under two purposes cannot be recognised as the same."""
    name = purpose.encode()
    return hmac.digest(index_key, len(name).to_bytes(2, "big") + name + text.encode(), hashlib.sha256)
