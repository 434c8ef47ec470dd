"""PURE: a column's value under a data key, bound to its row and column.

version (1) | data key id (16) | nonce (12) | AES-256-GCM ciphertext and tag (16). The additional data is
version, key id, row and column. Nonces are random: fewer than 2**32 values under one data key
(NIST SP 800-38D, 8.3), which a key for one person or document never comes near.
"""

import os
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from write_api.encryption.errors import SealBroken

VERSION = 1
_KEY_ID_END, _NONCE_END, _TAG_BYTES = 17, 29, 16
OVERHEAD_BYTES = _NONCE_END + _TAG_BYTES


def seal(data_key: bytes, data_key_id: UUID, plaintext: bytes, *, row: str, column: str) -> bytes:
    """`plaintext` so that it opens by this key, in this row and column, and nowhere else."""
    head, nonce = bytes([VERSION]) + data_key_id.bytes, os.urandom(12)
    return head + nonce + AESGCM(data_key).encrypt(nonce, plaintext, _bound(head, row, column))


def open_sealed(data_key: bytes, data_key_id: UUID, sealed: bytes, *, row: str, column: str) -> bytes:
    """What was sealed; raises `SealBroken` for anything else."""
    if len(sealed) < OVERHEAD_BYTES:
        raise SealBroken(row, column, f"it has {len(sealed)} bytes, fewer than any")
    if sealed[0] != VERSION:
        raise SealBroken(row, column, f"version {sealed[0]} is not known")
    head, nonce = sealed[:_KEY_ID_END], sealed[_KEY_ID_END:_NONCE_END]
    if head[1:] != data_key_id.bytes:
        raise SealBroken(row, column, "it names another data key")
    try:
        return AESGCM(data_key).decrypt(nonce, sealed[_NONCE_END:], _bound(head, row, column))
    except InvalidTag:
        raise SealBroken(row, column, "it was altered, or moved from another row or column") from None


def _bound(head: bytes, row: str, column: str) -> bytes:
    return head + b"".join(len(part).to_bytes(4, "big") + part for part in (row.encode(), column.encode()))
