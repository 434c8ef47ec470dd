"""/api/v1/kyc/documents: documents of applicants, encrypted on their way into the storage."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, Router, delete, get, post
from litestar.openapi.datastructures import ResponseSpec

from service.http.problems import NotFound
from write_api.acting import ADMIN, USER, Act, queries
from write_api.answer import Answer, answer, no_content
from write_api.answers.kyc import KycDocument, document_of
from write_api.desk import Desk
from write_api.inputs.errors import InvalidInput
from write_api.limiting import STRICT
from write_api.pages import BY_TIME, LIMIT_DEFAULT, CursorText, Limit, Listed, PageRequest
from write_api.problems import Conflicting
from write_api.uploads.operation import DOWNLOAD, form_of
from write_api.uploads.receiving import discard, receiving
from write_api.uploads.sending import Kept, attachment

_TYPES = ("id", "passport", "utility", "driver_license")
_MISSING = "there is no such document"
_FORM = "The form (multipart/form-data) has the fields `document_type` and `file`."


def routes(desk: Desk) -> Router:
    @post(
        "/kyc/documents",
        summary="Upload a document",
        description=f"{_FORM} JPEG, PNG, WebP or PDF, told by its content; ten may wait for an application.",
        operation_id="uploadKycDocument",
        operation_class=form_of("document_type", one_of=_TYPES),
        responses={201: ResponseSpec(KycDocument, description="The document, stored encrypted")},
        opt={"actor": USER, "limit": STRICT, "streamed": True},
    )
    async def upload_kyc_document(request: Request[Any, Any, Any]) -> Answer:
        async def begin(act: Act) -> UUID:
            return act.me

        me = await desk.office.run(request, begin)  # who may not act does not make us store 25 MB
        data_key = desk.keys.new()
        wrapped = await desk.keys.wrap(data_key)

        async def is_there(id_: UUID) -> bool:
            async def look(act: Act) -> bool:
                return bool(await act.value(queries.kyc_document_exists, id_, me))

            return await desk.office.run(request, look)

        async with receiving(
            request, desk, is_there=is_there, fields={"document_type": _type}, data_key=data_key
        ) as document:

            async def keep(act: Act) -> Answer:
                document.named_by(act)
                key = await act.my_key()
                await act.exec(
                    queries.insert_user_key, data_key.id, act.me, wrapped.blob, wrapped.key_id, "document"
                )
                uploaded_at = await act.value(
                    queries.insert_kyc_document,
                    document.id,
                    act.me,
                    document.fields["document_type"],
                    key.seal(document.filename, row=document.id, column="original_filename"),
                    document.stored_filename,
                    document.size,
                    document.media_type,
                    document.sha256,
                    data_key.id,
                )
                kept = KycDocument(
                    id=document.id,
                    application_id=None,
                    document_type=document.fields["document_type"],
                    filename=document.filename,
                    media_type=document.media_type,
                    size=document.size,
                    sha256="0x" + document.sha256.hex(),
                    uploaded_at=uploaded_at,
                )
                return answer(kept, status=201, location=f"/api/v1/kyc/documents/{document.id}/content")

            return await desk.office.write(request, keep)

    @get(
        "/kyc/documents",
        summary="Your documents",
        operation_id="listKycDocuments",
        responses={200: ResponseSpec(Listed[KycDocument], description="Newest first")},
        opt={"actor": USER},
    )
    async def list_kyc_documents(
        request: Request[Any, Any, Any], limit: Limit = LIMIT_DEFAULT, cursor: CursorText = None
    ) -> Answer:
        page = PageRequest("kyc_documents", limit, cursor, BY_TIME)

        async def read(act: Act) -> Answer:
            rows = await act.many(queries.select_kyc_documents, *page.arguments(), act.me)
            key = await act.key_of(act.me)
            shown = [document_of(row, key) for row in rows]
            return answer(page.page(rows, ("uploaded_at", "id"), shown))

        return await desk.office.run(request, read)

    @delete(
        "/kyc/documents/{document_id:uuid}",
        summary="Delete a document that was not submitted",
        operation_id="deleteKycDocument",
        status_code=204,
        responses={204: ResponseSpec(None, description="It is gone, and so is its key")},
        opt={"actor": USER},
    )
    async def delete_kyc_document(request: Request[Any, Any, Any], document_id: UUID) -> Response[None]:
        async def remove(act: Act) -> Answer:
            stored = await act.value(queries.delete_kyc_document, document_id, act.me)
            if stored is None:
                if await act.value(queries.kyc_document_exists, document_id, act.me):
                    raise Conflicting(
                        "this document belongs to an application and stays with it",
                        rule="kyc_documents_used",
                    )
                raise NotFound(_MISSING)

            async def discard_file() -> None:
                await discard(desk, stored)

            act.after.append(discard_file)
            return no_content()

        return await desk.office.run(request, remove)

    @get(
        "/kyc/documents/{document_id:uuid}/content",
        summary="Download one of your documents",
        operation_id="downloadKycDocument",
        responses={200: DOWNLOAD},
        opt={"actor": USER},
    )
    async def download_kyc_document(request: Request[Any, Any, Any], document_id: UUID) -> Answer:
        return await _download(desk, request, document_id)

    @get(
        "/admin/kyc/documents/{document_id:uuid}/content",
        summary="Download a document of an application",
        operation_id="downloadApplicantDocument",
        responses={200: DOWNLOAD},
        opt={"actor": ADMIN, "permission": "kyc.documents", "limit": STRICT},
    )
    async def download_applicant_document(request: Request[Any, Any, Any], document_id: UUID) -> Answer:
        return await _download(desk, request, document_id)

    return Router(
        "/",
        route_handlers=[
            upload_kyc_document,
            list_kyc_documents,
            delete_kyc_document,
            download_kyc_document,
            download_applicant_document,
        ],
        tags=["kyc"],
    )


async def _download(desk: Desk, request: Request[Any, Any, Any], document_id: UUID) -> Answer:
    """A user's own, or for an administrator what was submitted, whose download is in the audit trail."""

    async def find(act: Act) -> Kept:
        row = await act.one(queries.select_kyc_document, document_id, act.user_id)
        if row is None:
            raise NotFound(_MISSING)
        if act.admin_id is not None:
            await act.audit("download", "kyc_documents", document_id, user_id=str(row["user_id"]))
        key = await act.key_of(row["user_id"])
        name = row["original_filename"]
        filename = None if key is None else key.open(name, row=document_id, column="original_filename")
        return Kept(
            id=document_id,
            stored_filename=row["stored_filename"],
            filename=filename or "document",
            media_type=row["mime_type"],
            size=row["file_size"],
            sha256=row["file_hash"],
            data_key=await act.keys.unwrap(row["data_key_id"], row["wrapped"], row["master_key_id"]),
            owner=row["user_id"],
        )

    return await attachment(request, desk, await desk.office.run(request, find))


def _type(text: str) -> str:
    if text not in _TYPES:
        raise InvalidInput(f"is one of {', '.join(_TYPES)}")
    return text
