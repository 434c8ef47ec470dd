"""What the write API refuses, beside what every program refuses (service.http.problems).

Problem
├── 400 IdempotencyKeyMissing
├── 401 NotSignedIn, SignInFailed
├── 403 Forbidden
├── 409 Conflicting
├── 412 VersionStale
├── 415 MediaTypeRefused
├── 422 Invalid, IdempotencyKeyReused
├── 428 VersionMissing
└── 503 KeysAway, StorageAway
"""

from collections.abc import Sequence

import msgspec

from postgres.errors import Refused
from service.http.problems import NotFound, Problem, ProblemDetails


class FieldFault(msgspec.Struct):
    """One field of the body that is wrong, and what it may be."""

    field: str
    reason: str


class WriteProblemDetails(ProblemDetails, omit_defaults=True):
    """RFC 9457. `type` is stable; `detail` says what, which numbers and what to do next."""

    fields: list[FieldFault] = msgspec.field(default_factory=list)
    """Every field that is wrong."""
    rule: str | None = None
    """The rule that said no; stable, for programs."""
    allowed_transitions: list[str] | None = None
    """The states that can follow the present one."""
    current_version: int | None = None
    """The version that is in force now; read it, and send it as If-Match."""


class WriteProblem(Problem):
    shape = WriteProblemDetails


class IdempotencyKeyMissing(WriteProblem):
    status, type, title = 400, "/problems/idempotency-key-missing", "An Idempotency-Key is needed"


class NotSignedIn(WriteProblem):
    status, type, title = 401, "/problems/not-signed-in", "Sign in first"


class SignInFailed(WriteProblem):
    """The same words whatever was wrong, whether or not there is such an account."""

    status, type, title = 401, "/problems/sign-in-failed", "This did not sign you in"

    def __init__(self) -> None:
        super().__init__("these are not the right credentials, or they were used or have expired; begin anew")


class Forbidden(WriteProblem):
    status, type, title = 403, "/problems/forbidden", "Not allowed"


class Conflicting(WriteProblem):
    status, type, title = 409, "/problems/conflict", "The present state does not allow this"


class VersionStale(WriteProblem):
    status, type, title = 412, "/problems/version-stale", "Somebody changed this meanwhile"

    def __init__(self, given: int, current: int) -> None:
        super().__init__(
            f"you changed version {given}, but version {current} is in force; read it and change that",
            current_version=current,
        )


class MediaTypeRefused(WriteProblem):
    status, type, title = 415, "/problems/media-type", "This content type is not taken here"


class Invalid(WriteProblem):
    """Some of what was sent is wrong; `fields` says what."""

    status, type, title = 422, "/problems/invalid", "Some of this is wrong"

    def __init__(self, faults: Sequence[FieldFault]) -> None:
        named = "; ".join(f"{fault.field}: {fault.reason}" for fault in faults)
        super().__init__(named, fields=list(faults))


class IdempotencyKeyReused(WriteProblem):
    status, type, title = 422, "/problems/idempotency-key-reused", "This key was used for another request"


class VersionMissing(WriteProblem):
    status, type, title = 428, "/problems/version-missing", "Say which version you change"


class KeysAway(WriteProblem):
    status, type, title = 503, "/problems/keys-away", "The keys of this data cannot be had now"


class StorageAway(WriteProblem):
    status, type, title = 503, "/problems/storage-away", "The document storage does not answer"


def of_rule(refused: Refused) -> Problem:
    """What a rule of the schema refused, as the problem of its status."""
    if refused.status == 404:
        return NotFound(refused.why)
    if refused.status == 403:
        return Forbidden(refused.why, rule=refused.rule)
    if refused.status == 422:
        invalid = Invalid([FieldFault(refused.rule, refused.why)])
        invalid.members["rule"] = refused.rule
        return invalid
    return Conflicting(refused.why, rule=refused.rule)
