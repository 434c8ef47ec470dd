"""Assets as users and administrators see them. Amounts are units of the asset's currency, as text."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

AssetType = Literal["investment", "interest"]
AssetStatus = Literal["draft", "active", "paused", "closed"]
ContactFormat = Literal["whatsapp", "email"]


class AssetSummary(msgspec.Struct):
    """An asset as lists show it."""

    id: UUID
    type: AssetType
    title: str
    category: str
    location: str
    image_url: str | None
    status: AssetStatus
    contract_address: str | None
    """With checksum (EIP-55); null for interest-only assets."""
    currency: str | None
    """Null until a draft has details."""
    token_symbol: str | None
    token_price: str | None
    minimum_investment: str | None
    expected_roi: str | None
    """Per cent."""
    soft_cap: str | None
    deadline: datetime | None
    min_tier_required: int | None
    cap: str | None
    """What all investments may come to; null has no cap."""
    total_invested: str
    total_reserved: str
    """Asked for, and not confirmed by the chain yet."""
    investor_count: int
    interested_count: int
    created_at: datetime


class LegalDocument(msgspec.Struct, forbid_unknown_fields=True):
    """A document elsewhere, and what it hashes to."""

    title: str
    url: str
    sha256: str | None = None


class AssetDetails(msgspec.Struct):
    """The terms of an offer."""

    currency: str
    token_symbol: str | None
    token_price: str | None
    token_decimals: int
    max_supply: str | None
    """Tokens; with the price they make the cap."""
    expected_roi: str | None
    lockup_period: int | None
    """Days from the confirmed investment in which nothing is withdrawn."""
    minimum_investment: str | None
    soft_cap: str | None
    deadline: datetime | None
    contact_format: ContactFormat | None
    contact_value: str | None
    jurisdiction: str | None
    spv_name: str | None
    custody_type: str | None
    min_tier_required: int
    legal_documents: list[LegalDocument]
    agreement_url: str | None
    agreement_hash: str | None
    """SHA-256 of the agreement that investors sign."""


class AssetMetrics(msgspec.Struct):
    """Totals, exact at the moment of the answer."""

    cap: str | None
    total_invested: str
    total_reserved: str
    investor_count: int
    interested_count: int
    performance_data: dict[str, Any]
    last_updated: datetime


class AssetDocument(msgspec.Struct):
    """A file that belongs to an offer; its content is at `/documents/{id}/content`."""

    id: UUID
    title: str
    file_size: int
    mime_type: str
    sha256: str
    uploaded_at: datetime


class Asset(msgspec.Struct):
    """An asset with everything that is told of it."""

    id: UUID
    type: AssetType
    title: str
    description: str
    category: str
    location: str
    image_url: str | None
    status: AssetStatus
    contract_address: str | None
    metadata: dict[str, Any]
    details: AssetDetails | None
    """Null until a draft has them."""
    metrics: AssetMetrics
    documents: list[AssetDocument]
    is_interested: bool
    """Whether who asks showed interest."""
    version: int
    """Of the asset and its details together."""
    created_at: datetime
    updated_at: datetime


class AssetInterest(msgspec.Struct):
    """The interest of who asks, and of how many in all."""

    asset_id: UUID
    is_interested: bool
    interested_count: int
