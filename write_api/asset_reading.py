"""Assets as they are answered with."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from write_api.acting import Act, Row, queries
from write_api.answer import Answer, answer
from write_api.answers.assets import (
    Asset,
    AssetDetails,
    AssetDocument,
    AssetMetrics,
    AssetSummary,
    LegalDocument,
)
from write_api.asset_states import asset_missing
from write_api.inputs import addresses, amounts

DOCUMENTS_MAX = 50
"""Documents of one asset at most."""
_legal_documents = msgspec.json.Decoder(list[LegalDocument]).decode


def sees_drafts(act: Act) -> bool:
    return act.may("assets.read")


async def asset_of(act: Act, asset_id: UUID) -> Asset:
    """The asset as who acts may see it. Raises `NotFound`."""
    row = await act.one(queries.select_asset, asset_id, act.user_id, sees_drafts(act))
    if row is None:
        raise asset_missing()
    documents = await act.many(queries.select_asset_documents, asset_id, DOCUMENTS_MAX)
    return Asset(
        **_same(row, "id", "type", "title", "description", "category", "location", "image_url", "status"),
        contract_address=_contract(row),
        metadata=msgspec.json.decode(row["metadata"]),
        details=_details(row) if row["has_details"] else None,
        metrics=AssetMetrics(
            **_same(row, "investor_count", "interested_count", "last_updated"),
            **_amounts(row, "cap", "total_invested", "total_reserved"),
            performance_data=msgspec.json.decode(row["performance_data"]),
        ),
        documents=[document_of(each) for each in documents],
        **_same(row, "is_interested", "version", "created_at", "updated_at"),
    )


async def asset_answer(act: Act, asset_id: UUID, *, status: int = 200, location: str = "") -> Answer:
    """The asset; its totals change without its version, so the ETag is a weak one, and nothing is 304."""
    asset = await asset_of(act, asset_id)
    made = answer(asset, status=status, location=location)
    made.headers_ = (*made.headers_, (b"etag", b'W/"%d"' % asset.version))
    return made


def summary_of(row: Row) -> AssetSummary:
    return AssetSummary(
        **_same(row, "id", "type", "title", "category", "location", "image_url", "status", "created_at"),
        **_same(row, "currency", "token_symbol", "deadline", "min_tier_required"),
        **_same(row, "investor_count", "interested_count"),
        **_amounts(row, "token_price", "minimum_investment", "expected_roi", "soft_cap"),
        **_amounts(row, "cap", "total_invested", "total_reserved"),
        contract_address=_contract(row),
    )


def document_of(row: Row) -> AssetDocument:
    return AssetDocument(
        **_same(row, "id", "title", "file_size", "mime_type", "uploaded_at"),
        sha256=f"0x{row['file_hash'].hex()}",
    )


def _details(row: Row) -> AssetDetails:
    agreement_hash = row["agreement_hash"]
    return AssetDetails(
        **_same(row, "currency", "token_symbol", "token_decimals", "lockup_period", "deadline"),
        **_same(row, "contact_format", "contact_value", "jurisdiction", "spv_name", "custody_type"),
        **_same(row, "min_tier_required", "agreement_url"),
        **_amounts(row, "token_price", "expected_roi", "minimum_investment", "soft_cap"),
        max_supply=None if row["max_supply"] is None else str(row["max_supply"]),
        legal_documents=_legal_documents(row["legal_documents"]),
        agreement_hash=None if agreement_hash is None else f"0x{agreement_hash.hex()}",
    )


def _same(row: Row, *columns: str) -> dict[str, Any]:
    return {column: row[column] for column in columns}


def _amounts(row: Row, *columns: str) -> dict[str, Any]:
    return {column: _amount(row[column]) for column in columns}


def _amount(amount: Decimal | None) -> str | None:
    return None if amount is None else amounts.to_text(amount)


def _contract(row: Row) -> str | None:
    address: bytes | None = row["contract_address"]
    return None if address is None else addresses.checksummed(address)
