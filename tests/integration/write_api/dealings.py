"""What the people of the world deal in, decide and leave behind: rows by table and name, parents before children."""

from decimal import Decimal

from tests.integration.write_api.named import ADMINS, NOW, USERS, Row, uuid, word


def dealings() -> dict[str, dict[str, Row]]:
    return _assets() | _investments() | _decisions()


def _assets() -> dict[str, dict[str, Row]]:
    offers = {
        "draft": ("investment", "draft"),
        "idea": ("interest", "active"),
        "open": ("investment", "active"),
    }
    details: Row = {
        "currency": "PEND",
        "token_price": Decimal(10),
        "max_supply": 1_000,
        "min_tier_required": 1,
    }
    return {
        "assets": {
            name: {
                "id": uuid(name),
                "contract_address": word(name, 20) if kind == "investment" else None,
                "type": kind,
                "title": f"The {name}",
                "status": status,
                "created_by": ADMINS["asset_manager"],
                "metadata": {},
            }
            for name, (kind, status) in offers.items()
        },
        "asset_details": {
            name: {"asset_id": uuid(name), **(details if kind == "investment" else {"currency": "PEND"})}
            for name, (kind, _) in offers.items()
        },
        "asset_metrics": {
            name: {
                "asset_id": uuid(name),
                "cap": Decimal(10_000) if kind == "investment" else None,
                "total_invested": Decimal(200 if name == "open" else 0),
                "investor_count": 2 if name == "open" else 0,
                "interested_count": 2 if name == "idea" else 0,
            }
            for name, (kind, _) in offers.items()
        },
        "asset_documents": {
            name: {
                "id": uuid(f"paper {name}"),
                "asset_id": uuid(name),
                "title": "Deed",
                "stored_filename": f"assets/{name}",
                "file_size": 10,
                "mime_type": "application/pdf",
                "file_hash": word(f"paper {name}"),
                "uploaded_by": ADMINS["asset_manager"],
            }
            for name in ("draft", "open")
        },
        "asset_interests": {name: {"asset_id": uuid("idea"), "user_id": id_} for name, id_ in USERS.items()},
    }


def _investments() -> dict[str, dict[str, Row]]:
    legs: dict[str, Row] = {}
    held: dict[str, Row] = {}
    for name, id_ in USERS.items():
        common = {"user_id": id_, "asset_id": uuid("open"), "amount": Decimal(100), "currency": "PEND"}
        held[name] = {"id": uuid(f"held {name}"), **common, "status": "confirmed", "confirmed_at": NOW}
        held[name] |= {"withdrawing": Decimal(1), "withdrawn": Decimal(0)}
        of_held = {**common, "investment_id": uuid(f"held {name}"), "kind": "investment", "asked_at_block": 1}
        legs[f"settled {name}"] = {
            "id": uuid(f"settled {name}"),
            **of_held,
            "status": "confirmed",
            "block_number": 5,
            "log_index": 1 + (name == "b"),
            "block_hash": word("block"),
            "transaction_hash": word(f"sent {name}"),
            "settled_at": NOW,
        }
        legs[f"asked {name}"] = {
            "id": uuid(f"asked {name}"),
            **of_held,
            "kind": "withdrawal",
            "amount": Decimal(1),
            "status": "pending",
            "block_number": None,
            "log_index": None,
            "block_hash": None,
            "transaction_hash": None,
            "settled_at": None,
        }
    return {
        "investments": held,
        "transactions": legs,
        "investment_agreements": {
            name: {
                "id": uuid(f"agreement {name}"),
                "user_id": id_,
                "asset_id": uuid("open"),
                "agreement_hash": word("agreement"),
                "signature": b"signature",
                "signed_text": "I agree",
            }
            for name, id_ in USERS.items()
        },
    }


def _decisions() -> dict[str, dict[str, Row]]:
    log = {"action": "update", "resource_type": "users", "timestamp": NOW}
    return {
        "approvals": {
            name: {
                "id": uuid(f"asked {name}"),
                "kind": "tier_raise",
                "resource_id": uuid(f"raise {name}"),
                "change": {"tier": 3},
                "justification": "Source of funds was seen",
                "requested_by": ADMINS[name],
            }
            for name in ("super_admin", "kyc_verifier")
        },
        "erasure_requests": {
            name: {"id": uuid(f"erasure {name}"), "user_id": id_} for name, id_ in USERS.items()
        },
        "admin_audit_logs": {
            name: {"id": number, "actor": "user", "user_id": id_, "resource_id": str(id_), **log}
            for number, (name, id_) in enumerate(USERS.items(), 1)
        },
        "audit_seals": {
            "first": {
                "number": 1,
                "first_id": 1,
                "last_id": 2,
                "row_ids": [1, 2],
                "row_hashes": [word("one"), word("two")],
                "previous_hash": word("before"),
                "hash": word("hash"),
            }
        },
        "security_events": {
            name: {
                "id": uuid(f"event {name}"),
                "event_type": "sign_in_failed",
                "severity": "low",
                "user_id": id_,
                "ip_address": "203.0.113.9",
                "user_agent": "curl",
            }
            for name, id_ in USERS.items()
        },
        "analytics_events": {
            name: {"time": NOW, "event_type": "page_view", "visitor": word(name, 16), "session_id": name}
            for name in USERS
        },
        "user_analytics": {
            name: {"id": uuid(f"seen {name}"), "user_id": id_, "event_type": "page_view", "event_data": {}}
            for name, id_ in USERS.items()
        },
        "idempotency_keys": {
            name: {"actor": str(id_), "key": "one", "request_hash": word("request"), "response": b"sealed"}
            for name, id_ in USERS.items()
        },
    }
