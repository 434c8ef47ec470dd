"""Rows about a person as the person is given them, opened with the person's own key."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from postgres.queries import Query
from write_api.acting import Row, queries
from write_api.answers import personal_data as shapes
from write_api.data_keys import DataKey
from write_api.inputs import addresses
from write_api.inputs.amounts import to_text


@dataclass(frozen=True, slots=True)
class Opened:
    """A row with the key of whose it is; without one, as after an erasure, what is sealed is null."""

    row: Row
    key: DataKey | None

    def text(self, column: str) -> str | None:
        return (
            None if self.key is None else self.key.open(self.row[column], row=self.row["id"], column=column)
        )

    def json(self, column: str) -> Any:
        text = self.text(column)
        return None if text is None else msgspec.json.decode(text)


@dataclass(frozen=True, slots=True)
class Section:
    """One list of the export. The query takes user, rows, and `at` and `id` of the row before."""

    name: str
    query: Query
    shape: Callable[[Opened], msgspec.Struct]


def profile(opened: Opened) -> shapes.ExportedProfile:
    row = opened.row
    return shapes.ExportedProfile(
        address=addresses.checksummed(row["blockchain_address"]),
        full_name=opened.text("full_name"),
        email=opened.text("email"),
        registration_ip=opened.text("registration_ip"),
        device_fingerprints=opened.json("device_fingerprints"),
        preferences=_json(row["preferences"]),
        metadata=_json(row["metadata"]),
        profile_metadata=_json(row["profile_metadata"]),
        **_plain(
            row,
            "id status tier kyc_verified_at phone_number_masked country_code login_count last_login_at"
            " created_at",
        ),
    )


def _session(opened: Opened) -> shapes.ExportedSession:
    return shapes.ExportedSession(
        created_at=opened.row["at"],
        **_plain(opened.row, "id client refreshed_at expires_at ended_at ended_because"),
    )


def _application(opened: Opened) -> shapes.ExportedApplication:
    return shapes.ExportedApplication(
        details=opened.json("details"),
        rejection_reason=opened.text("rejection_reason"),
        metadata=_json(opened.row["metadata"]),
        submitted_at=opened.row["at"],
        **_plain(opened.row, "id status reviewed_at"),
    )


def _document(opened: Opened) -> shapes.ExportedDocument:
    return shapes.ExportedDocument(
        original_filename=opened.text("original_filename"),
        file_hash=_hex(opened.row["file_hash"]),
        uploaded_at=opened.row["at"],
        **_plain(opened.row, "id application_id document_type mime_type file_size erased_at"),
    )


def _message(opened: Opened) -> shapes.ExportedMessage:
    return shapes.ExportedMessage(
        body=opened.text("body"),
        created_at=opened.row["at"],
        **_plain(opened.row, "id application_id is_own"),
    )


def _investment(opened: Opened) -> shapes.ExportedInvestment:
    row = opened.row
    return shapes.ExportedInvestment(
        amount=to_text(row["amount"]),
        withdrawn=to_text(row["withdrawn"]),
        withdrawing=to_text(row["withdrawing"]),
        transaction_hash=_hex(row["transaction_hash"]),
        metadata=_json(row["metadata"]),
        invested_at=row["at"],
        **_plain(row, "id asset_id currency status block_number failure_reason confirmed_at"),
    )


def _transaction(opened: Opened) -> shapes.ExportedTransaction:
    row = opened.row
    return shapes.ExportedTransaction(
        amount=to_text(row["amount"]),
        transaction_hash=_hex(row["transaction_hash"]),
        created_at=row["at"],
        **_plain(
            row, "id asset_id investment_id kind currency status block_number failure_reason settled_at"
        ),
    )


def _agreement(opened: Opened) -> shapes.ExportedAgreement:
    row = opened.row
    return shapes.ExportedAgreement(
        agreement_hash="0x" + row["agreement_hash"].hex(),
        signature="0x" + row["signature"].hex(),
        signed_at=row["at"],
        **_plain(row, "id asset_id agreement_url signed_text"),
    )


def _interest(opened: Opened) -> shapes.ExportedInterest:
    return shapes.ExportedInterest(asset_id=opened.row["id"], shown_at=opened.row["at"])


def _activity(opened: Opened) -> shapes.ExportedActivity:
    row = opened.row
    return shapes.ExportedActivity(
        event_data=_json(row["event_data"]), timestamp=row["at"], **_plain(row, "id event_type session_id")
    )


def _action(opened: Opened) -> shapes.ExportedAction:
    row = opened.row
    return shapes.ExportedAction(
        timestamp=row["at"],
        old_values=_json(row["old_values"]),
        new_values=_json(row["new_values"]),
        ip_address=row["address"],
        **_plain(row, "id action resource_type resource_id session_id"),
    )


SECTIONS = (
    Section("sessions", queries.export_sessions, _session),
    Section("kyc_applications", queries.export_applications, _application),
    Section("kyc_documents", queries.export_documents, _document),
    Section("messages", queries.export_messages, _message),
    Section("investments", queries.export_investments, _investment),
    Section("transactions", queries.export_transactions, _transaction),
    Section("investment_agreements", queries.export_agreements, _agreement),
    Section("asset_interests", queries.export_interests, _interest),
    Section("activity", queries.export_activity, _activity),
    Section("actions", queries.export_trail, _action),
)


def _plain(row: Row, columns: str) -> dict[str, Any]:
    """Columns that are shown as they are."""
    return {column: row[column] for column in columns.split()}


def _json(text: str | None) -> Any:
    return None if text is None else msgspec.json.decode(text)


def _hex(value: bytes | None) -> str | None:
    return None if value is None else "0x" + value.hex()
