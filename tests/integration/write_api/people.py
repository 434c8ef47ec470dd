"""The people of the world: rows by table and name, parents before children."""

from tests.integration.write_api.named import ADMINS, NOW, SOON, USERS, Row, uuid, word


def people() -> dict[str, dict[str, Row]]:
    """Users, administrators, their sessions and keys, and what applicants handed in."""
    world: dict[str, dict[str, Row]] = {
        "users": {
            name: {
                "id": id_,
                "blockchain_address": word(f"wallet {name}", 20),
                "phone_hash": word(f"phone {name}"),
                "tier": 2,
                "kyc_verified_at": NOW,
                "metadata": {},
            }
            for name, id_ in USERS.items()
        },
        "user_profiles": {
            name: {
                "user_id": id_,
                "phone_number_masked": "+20***1234",
                "country_code": "EG",
                "full_name": b"sealed name",
                "email": b"sealed mail",
                "registration_ip": b"sealed address",
                "device_fingerprints": b"sealed prints",
                "preferences": {"theme": "dark"},
            }
            for name, id_ in USERS.items()
        },
        "admin_users": {
            name: {
                "id": id_,
                "email": f"{name}@pend.example",
                "name": name,
                "role": "super_admin" if name == "gone" else name,
                "is_active": name != "gone",
                "blockchain_address": None,
                "password_hash": f"$argon2id${name}",
                "totp_secret": b"sealed secret",
                "totp_confirmed_at": NOW,
                "setup_hash": word(f"setup {name}"),
                "setup_expires_at": SOON,
            }
            for name, id_ in ADMINS.items()
        },
        "admin_permissions": {
            "viewer's": {
                "id": uuid("viewer's"),
                "admin_id": ADMINS["viewer"],
                "permission": "audit.export",
                "effect": "grant",
            }
        },
    }
    return world | _sessions() | _kyc()


def _sessions() -> dict[str, dict[str, Row]]:
    of_admins = {name: ADMINS[name] for name in ("super_admin", "viewer")}
    return {
        "admin_recovery_codes": {
            name: {"admin_id": id_, "code_hash": word(f"code {name}")} for name, id_ in of_admins.items()
        },
        "admin_security_keys": {
            name: {
                "id": uuid(f"key {name}"),
                "admin_id": id_,
                "name": "A key",
                "credential_id": word(f"credential {name}"),
                "public_key": b"public",
            }
            for name, id_ in of_admins.items()
        },
        "user_sessions": {
            name: {
                "id": uuid(f"session {name}"),
                "user_id": id_,
                "token_hash": word(f"token {name}"),
                "client": "Firefox",
                "expires_at": SOON,
            }
            for name, id_ in USERS.items()
        },
        "admin_sessions": {
            name: {
                "id": uuid(f"admin {name}"),
                "admin_id": id_,
                "token_hash": word(f"token of {name}"),
                "ip_address": "203.0.113.9",
                "second_factor": "totp",
                "expires_at": SOON,
            }
            for name, id_ in of_admins.items()
        },
        "used_refresh_tokens": {
            name: {"token_hash": word(f"used {name}"), "session_id": uuid(f"session {name}")}
            for name in USERS
        },
        "challenges": {
            name: {
                "id": uuid(f"challenge {name}"),
                "kind": "phone",
                "user_id": id_,
                "secret": b"code",
                "subject": {},
                "expires_at": SOON,
            }
            for name, id_ in USERS.items()
        },
        "sign_in_failures": {
            name: {"subject_hash": word(f"subject {name}"), "failures": 1} for name in USERS
        },
        "data_keys": {
            name: {
                "id": uuid(f"data key {name}"),
                "purpose": "user",
                "user_id": id_,
                "admin_id": None,
                "wrapped": b"wrapped",
                "master_key_id": "m1",
            }
            for name, id_ in USERS.items()
        }
        | {
            f"document {name}": {
                "id": uuid(f"document key {name}"),
                "purpose": "document",
                "user_id": id_,
                "admin_id": None,
                "wrapped": b"wrapped",
                "master_key_id": "m1",
            }
            for name, id_ in USERS.items()
        }
        | {
            "viewer": {
                "id": uuid("data key viewer"),
                "purpose": "admin",
                "user_id": None,
                "admin_id": ADMINS["viewer"],
                "wrapped": b"wrapped",
                "master_key_id": "m1",
            },
            "system": {
                "id": uuid("data key system"),
                "purpose": "system",
                "user_id": None,
                "admin_id": None,
                "wrapped": b"wrapped",
                "master_key_id": "m1",
            },
        },
    }


def _kyc() -> dict[str, dict[str, Row]]:
    return {
        "kyc_applications": {
            name: {
                "id": uuid(f"kyc {name}"),
                "user_id": id_,
                "status": "under_review",
                "details": b"sealed details",
                "assigned_to": ADMINS["kyc_verifier"],
                "review_notes": b"sealed notes",
            }
            for name, id_ in USERS.items()
        },
        "kyc_documents": {
            f"{kind} {name}": {
                "id": uuid(f"{kind} {name}"),
                "user_id": id_,
                "application_id": uuid(f"kyc {name}") if kind == "used" else None,
                "document_type": "passport",
                "original_filename": b"sealed file name",
                "stored_filename": f"{kind}/{name}",
                "file_size": 100,
                "mime_type": "image/png",
                "file_hash": word(f"file {name}"),
                "data_key_id": uuid(f"document key {name}"),
            }
            for name, id_ in USERS.items()
            for kind in ("used", "waiting")
        },
        "messages": {
            f"{audience} {name}": {
                "id": number,
                "application_id": uuid(f"kyc {name}"),
                "user_id": id_,
                "audience": audience,
                "author_admin_id": ADMINS["kyc_verifier"],
                "body": b"sealed words",
            }
            for number, (name, id_, audience) in enumerate(
                [(name, id_, to) for name, id_ in USERS.items() for to in ("applicant", "reviewers")], 1
            )
        },
        "notices": {
            "all": {"id": 1, "severity": "info", "body": "Tonight", "created_by": ADMINS["super_admin"]}
        },
    }
