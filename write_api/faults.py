"""Whatever a route of the write API raises, as a problem."""

import structlog

from node.errors import NodeError
from postgres.errors import InvalidData, PrivilegeMissing, Refused, UniqueConflict
from service.http import faults
from service.http.problems import Busy, Problem, TooLarge
from write_api.credentials.passwords import TooManyAtOnce
from write_api.encryption.errors import EncryptionError, IntegrityBroken, SealBroken
from write_api.inputs.errors import InvalidInput
from write_api.problems import (
    Conflicting,
    FieldFault,
    Forbidden,
    Invalid,
    KeysAway,
    StorageAway,
    of_rule,
)
from write_api.storage.errors import StorageError
from write_api.uploads.errors import UploadError, UploadTooLarge

log = structlog.get_logger(__name__)


def problem_of(error: Exception, request_id: str) -> Problem:
    """The problem to answer with; a defect is logged under the id that the caller is given."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, Refused):
        return of_rule(error)
    if isinstance(error, InvalidInput):
        return Invalid([FieldFault("", error.reason)])
    if isinstance(error, UploadTooLarge):
        return TooLarge(str(error))
    if isinstance(error, UploadError):
        return Invalid([FieldFault("file", str(error))])
    if isinstance(error, TooManyAtOnce):
        return Busy("too many are signing in at once; try again in a moment", retry_after_s=2)
    if isinstance(error, PrivilegeMissing):
        log.warning("row-level security refuses", request_id=request_id)
        return Forbidden("this is not yours to change", rule="row_level_security")
    if isinstance(error, UniqueConflict):
        return Conflicting("there is one like this already", rule=error.constraint)
    if isinstance(error, InvalidData):
        log.warning("the schema refuses a value", request_id=request_id, constraint=error.constraint)
        return Invalid([FieldFault("", f"the schema refuses a value ({error.constraint or error.sqlstate})")])
    if isinstance(error, IntegrityBroken | SealBroken):
        log.error("stored data does not open", request_id=request_id, reason=str(error))
        return Problem(f"what is stored here was altered or damaged; an operator has to act: {request_id}")
    if isinstance(error, EncryptionError):
        log.error("the key store refuses", request_id=request_id, reason=str(error))
        return KeysAway("the keys of this data cannot be had now; an operator has to act", retry_after_s=60)
    if isinstance(error, StorageError):
        log.warning("the document storage refuses", request_id=request_id, reason=str(error))
        return StorageAway("the document storage does not answer; try again soon", retry_after_s=10)
    if isinstance(error, NodeError):
        log.warning("the node does not answer", request_id=request_id, reason=str(error))
        return Busy("the node of the chain does not answer; try again soon", retry_after_s=5)
    return faults.problem_of(error, request_id)
