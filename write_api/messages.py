"""Messages about an application: among reviewers, and between them and the applicant. Kept, and sealed.

Whoever reads on after the last id that he has seen misses none and sees none twice.
"""

from uuid import UUID

from service.http.problems import NotFound
from write_api.acting import Act, Row, queries
from write_api.answers.messages import Message
from write_api.bodies import faults
from write_api.data_keys import DataKey
from write_api.inputs import texts
from write_api.inputs.errors import InvalidInput
from write_api.panel_events import applicant, application, reviewers
from write_api.problems import Conflicting, Forbidden

BODY_BYTES_MAX = 4_096
READ_MAX = 200


async def write_message(act: Act, application_id: UUID, audience: str, body: str) -> Row:
    """Keep a message and tell who may read it; the row has no body.

    Raises `Invalid`, `Forbidden`, `NotFound`, and `Conflicting` where the applicant was erased.
    """
    with faults() as found:
        text = found.parse("body", _body, body)
        if audience not in {"reviewers", "applicant"}:
            found.add("audience", "is reviewers or applicant")
    if act.admin_id is not None:
        act.require("messages.write")
    elif audience != "applicant":
        raise Forbidden("reviewers write to one another, applicants to reviewers", rule="audience")
    about = await _conversation(act, application_id)
    key = await act.my_key() if act.admin_id is None else await act.key_of(about["user_id"])
    if key is None:
        raise Conflicting("the applicant's personal data was erased; nothing is written to it", rule="erased")
    await act.value(queries.lock_messages, str(application_id))
    id_ = await act.value(queries.next_message_id)
    sealed = key.seal(text, row=id_, column="body")
    row = await act.one(
        queries.insert_message, id_, application_id, about["user_id"], audience, act.admin_id, sealed
    )
    assert row is not None
    rooms = (
        (reviewers(application_id),)
        if audience == "reviewers"
        else (application(application_id), applicant(about["user_id"]))
    )
    act.announce(
        "message:received",
        rooms,
        id=id_,
        application_id=str(application_id),
        audience=audience,
        author_admin_id=None if act.admin_id is None else str(act.admin_id),
    )
    return row


async def read_messages(
    act: Act, application_id: UUID, after: int = 0, limit: int = READ_MAX
) -> list[Message]:
    """Messages after an id, in order, `limit` at most. Raises `NotFound`, `Forbidden`."""
    if act.admin_id is not None:
        act.require("kyc.read")
    about = await _conversation(act, application_id)
    rows = await act.many(
        queries.select_messages, application_id, after, min(limit, READ_MAX), act.admin_id is not None
    )
    if not rows:
        return []
    key = await act.key_of(about["user_id"])
    if act.admin_id is not None:
        await act.audit("read", "messages", application_id, after=after, up_to=rows[-1]["id"])
    return [_message(row, key) for row in rows]


async def _conversation(act: Act, application_id: UUID) -> Row:
    row = await act.one(queries.select_conversation, application_id, act.user_id)
    if row is None:
        raise NotFound("there is no such application")
    return row


def _message(row: Row, key: DataKey | None) -> Message:
    return Message(
        id=row["id"],
        application_id=row["application_id"],
        audience=row["audience"],
        author_admin_id=row["author_admin_id"],
        body=None if key is None else key.open(row["body"], row=row["id"], column="body"),
        created_at=row["created_at"],
    )


def _body(given: str) -> str:
    text = texts.parse(given, characters_max=BODY_BYTES_MAX, single_line=False)
    if (size := len(text.encode())) > BODY_BYTES_MAX:
        raise InvalidInput(f"has {size} bytes: shorten it to at most {BODY_BYTES_MAX}")
    return text
