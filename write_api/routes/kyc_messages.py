"""…/kyc/applications/{id}/messages: between the applicant and the reviewers, and among these."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Router, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter

from write_api.acting import ADMIN, USER, Act
from write_api.answer import Answer, answer
from write_api.answers.kyc_messages import Messages, WrittenMessage
from write_api.answers.messages import Audience
from write_api.desk import Desk
from write_api.messages import read_messages, write_message
from write_api.pages import LIMIT_DEFAULT, Limit

After = Annotated[
    int,
    Parameter(ge=0, le=2**63 - 1, description="The last message read; 0: none.", required=False),
]


class ApplicantMessage(msgspec.Struct):
    """To the reviewers."""

    body: str


class ReviewerMessage(msgspec.Struct):
    """To the applicant, or among reviewers."""

    body: str
    audience: Audience


def routes(desk: Desk) -> Router:
    listed = {200: ResponseSpec(Messages, description="Oldest first")}
    written = {201: ResponseSpec(WrittenMessage, description="It was kept")}

    @get(
        "/kyc/applications/{application_id:uuid}/messages",
        summary="Messages with the reviewers of an application",
        operation_id="listMessages",
        responses=listed,
        opt={"actor": USER},
    )
    async def list_messages(
        request: Request[Any, Any, Any], application_id: UUID, after: After = 0, limit: Limit = LIMIT_DEFAULT
    ) -> Answer:
        return await _listed(desk, request, application_id, after, limit)

    @post(
        "/kyc/applications/{application_id:uuid}/messages",
        summary="Write to the reviewers of an application",
        operation_id="writeMessage",
        responses=written,
        opt={"actor": USER},
    )
    async def write_to_reviewers(
        request: Request[Any, Any, Any], application_id: UUID, data: ApplicantMessage
    ) -> Answer:
        return await _written(desk, request, application_id, "applicant", data.body)

    @get(
        "/admin/kyc/applications/{application_id:uuid}/messages",
        summary="Messages about an application",
        description="With those among reviewers. Whoever reads them is in the audit trail.",
        operation_id="listApplicationMessages",
        responses=listed,
        opt={"actor": ADMIN, "permission": "kyc.read"},
    )
    async def list_application_messages(
        request: Request[Any, Any, Any], application_id: UUID, after: After = 0, limit: Limit = LIMIT_DEFAULT
    ) -> Answer:
        return await _listed(desk, request, application_id, after, limit)

    @post(
        "/admin/kyc/applications/{application_id:uuid}/messages",
        summary="Write to the applicant, or among reviewers",
        operation_id="writeApplicationMessage",
        responses=written,
        opt={"actor": ADMIN, "permission": "messages.write"},
    )
    async def write_application_message(
        request: Request[Any, Any, Any], application_id: UUID, data: ReviewerMessage
    ) -> Answer:
        return await _written(desk, request, application_id, data.audience, data.body)

    return Router(
        "/",
        route_handlers=[
            list_messages,
            write_to_reviewers,
            list_application_messages,
            write_application_message,
        ],
        tags=["messages"],
    )


async def _listed(
    desk: Desk, request: Request[Any, Any, Any], application_id: UUID, after: int, limit: int
) -> Answer:
    async def read(act: Act) -> Answer:
        return answer(Messages(await read_messages(act, application_id, after, limit)))

    return await desk.office.run(request, read)


async def _written(
    desk: Desk, request: Request[Any, Any, Any], application_id: UUID, audience: str, body: str
) -> Answer:
    async def write(act: Act) -> Answer:
        row = await write_message(act, application_id, audience, body)
        return answer(WrittenMessage(**dict(row)), status=201)

    return await desk.office.write(request, write)
