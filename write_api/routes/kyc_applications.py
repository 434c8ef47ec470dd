"""/api/v1/kyc/applications: a user applies for verification and follows what becomes of it."""

from typing import Annotated, Any
from uuid import UUID, uuid4

import msgspec
from litestar import Request, Router, get, post
from litestar.openapi.datastructures import ResponseSpec

from postgres.errors import UniqueConflict
from service.http.problems import NotFound
from write_api.acting import USER, Act, Row, queries
from write_api.answer import Answer, answer
from write_api.answers.kyc import KycApplication, OwnKycApplication, details_of, document_of
from write_api.bodies import faults
from write_api.data_keys import DataKey
from write_api.desk import Desk
from write_api.kyc_details import KycDetails, check
from write_api.pages import BY_TIME, LIMIT_DEFAULT, CursorText, Limit, Listed, PageRequest
from write_api.panel_events import applicant
from write_api.problems import Conflicting, FieldFault, Invalid

_DOCUMENTS_MAX = 10


class KycSubmission(msgspec.Struct):
    """Who the applicant is, and the uploaded documents that show it."""

    details: KycDetails
    document_ids: Annotated[list[UUID], msgspec.Meta(min_length=1, max_length=_DOCUMENTS_MAX)]


def routes(desk: Desk) -> Router:
    @post(
        "/",
        summary="Apply for verification",
        operation_id="submitKycApplication",
        responses={201: ResponseSpec(OwnKycApplication, description="The application, pending review")},
        opt={"actor": USER},
    )
    async def submit_kyc_application(request: Request[Any, Any, Any], data: KycSubmission) -> Answer:
        with faults() as found:
            details = check(data.details, found)
            if len(set(data.document_ids)) < len(data.document_ids):
                found.add("document_ids", "names a document twice")

        async def submit(act: Act) -> Answer:
            key = await act.my_key()
            id_ = await _insert(act, key, details)
            await _attach(act, id_, data.document_ids)
            application = await _application(act, id_, key)
            rooms = ("kyc", applicant(act.me))
            act.announce(
                "kyc:updated", rooms, id=str(id_), status=application.status, version=application.version
            )
            return answer(
                application,
                status=201,
                version=application.version,
                location=f"/api/v1/kyc/applications/{id_}",
            )

        return await desk.office.write(request, submit)

    @get(
        "/",
        summary="Your applications",
        operation_id="listKycApplications",
        responses={200: ResponseSpec(Listed[KycApplication], description="Newest first")},
        opt={"actor": USER},
    )
    async def list_kyc_applications(
        request: Request[Any, Any, Any], limit: Limit = LIMIT_DEFAULT, cursor: CursorText = None
    ) -> Answer:
        page = PageRequest("own_kyc_applications", limit, cursor, BY_TIME)

        async def read(act: Act) -> Answer:
            rows = await act.many(queries.select_own_kyc_applications, *page.arguments(), act.me)
            shown = [KycApplication(**dict(row)) for row in rows]
            return answer(page.page(rows, ("submitted_at", "id"), shown))

        return await desk.office.run(request, read)

    @get(
        "/{application_id:uuid}",
        summary="One of your applications",
        operation_id="getKycApplication",
        responses={200: ResponseSpec(OwnKycApplication, description="The application")},
        opt={"actor": USER},
    )
    async def get_kyc_application(request: Request[Any, Any, Any], application_id: UUID) -> Answer:
        async def read(act: Act) -> Answer:
            application = await _application(act, application_id, await act.key_of(act.me))
            return answer(application, version=application.version)

        return await desk.office.run(request, read)

    return Router(
        "/kyc/applications",
        route_handlers=[submit_kyc_application, list_kyc_applications, get_kyc_application],
        tags=["kyc"],
    )


async def _insert(act: Act, key: DataKey, details: KycDetails) -> UUID:
    id_ = uuid4()
    sealed = key.seal(msgspec.json.encode(details).decode(), row=id_, column="details")
    try:
        await act.one(queries.insert_kyc_application, id_, act.me, sealed)
    except UniqueConflict:
        raise Conflicting(
            "you have an application that is not decided yet", rule="kyc_applications_open"
        ) from None
    return id_


async def _attach(act: Act, application_id: UUID, document_ids: list[UUID]) -> None:
    """All of them or none. Raises `Invalid` with those that are another's or were submitted before."""
    rows = await act.many(queries.attach_kyc_documents, application_id, document_ids, act.me)
    attached = {row["id"] for row in rows}
    missing = [
        FieldFault(f"document_ids[{at}]", "is no document of yours that waits for an application")
        for at, id_ in enumerate(document_ids)
        if id_ not in attached
    ]
    if missing:
        raise Invalid(missing)


async def _application(act: Act, id_: UUID, key: DataKey | None) -> OwnKycApplication:
    row = await act.one(queries.select_own_kyc_application, id_, act.me)
    if row is None:
        raise NotFound("there is no such application")
    documents = await act.many(queries.select_application_documents, id_)
    return OwnKycApplication(
        id=row["id"],
        status=row["status"],
        details=details_of(row, key),
        rejection_reason=_reason(row, key),
        documents=[document_of(document, key) for document in documents],
        submitted_at=row["submitted_at"],
        reviewed_at=row["reviewed_at"],
        version=row["version"],
    )


def _reason(row: Row, key: DataKey | None) -> str | None:
    return (
        None if key is None else key.open(row["rejection_reason"], row=row["id"], column="rejection_reason")
    )
