"""PURE: the states of a KYC application and the edges between them; the guard of its table knows the same."""

from collections.abc import Mapping

from write_api.problems import Conflicting

PENDING, UNDER_REVIEW, VERIFIED, REJECTED = "pending_review", "under_review", "verified", "rejected"
TRANSITIONS: Mapping[str, tuple[str, ...]] = {
    PENDING: (UNDER_REVIEW,),
    UNDER_REVIEW: (VERIFIED, REJECTED),
    VERIFIED: (),
    REJECTED: (),
}


def require_transition(current: str, wanted: str) -> None:
    """Raises `Conflicting` that names the states which can follow; a rejected applicant applies anew."""
    allowed = TRANSITIONS[current]
    if wanted not in allowed:
        raise Conflicting(
            f"an application that is {current} does not become {wanted}",
            rule="kyc_applications_status",
            allowed_transitions=list(allowed),
        )
