"""Agreements that wallets sign."""

from datetime import datetime
from uuid import UUID

import msgspec


class AgreementText(msgspec.Struct):
    """What to sign before investing, word for word."""

    asset_id: UUID
    agreement_hash: str
    """SHA-256 of the document."""
    agreement_url: str | None
    text: str
    is_signed: bool
    """Whether you have signed this very agreement."""


class Agreement(msgspec.Struct):
    """An agreement that a wallet signed."""

    id: UUID
    asset_id: UUID
    agreement_hash: str
    agreement_url: str | None
    signed_text: str
    signature: str
    signed_at: datetime
