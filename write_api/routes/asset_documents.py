"""Documents of an offer: put there by administrators, compared with their hash at every read."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, Router, delete, get, post
from litestar.openapi.datastructures import ResponseSpec

from service.http.problems import NotFound
from write_api.acting import ADMIN, EITHER, Act, queries
from write_api.answer import Answer, answer, no_content
from write_api.answers.assets import AssetDocument
from write_api.asset_reading import DOCUMENTS_MAX, document_of, sees_drafts
from write_api.asset_states import announce, locked_asset
from write_api.desk import Desk
from write_api.inputs import texts
from write_api.limiting import STRICT
from write_api.problems import Conflicting
from write_api.uploads.filenames import kept_filename
from write_api.uploads.receiving import discard, receiving
from write_api.uploads.sending import Kept, attachment

_EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "application/pdf": "pdf"}
_MISSING = "there is no such document"


def routes(desk: Desk) -> Router:
    @post(
        "/admin/assets/{asset_id:uuid}/documents",
        summary="Add a document to an asset",
        description="The form (multipart/form-data) has the fields `title` and `file`: JPEG, PNG, "
        f"WebP or PDF, told by its content. An asset has {DOCUMENTS_MAX} at most.",
        operation_id="uploadAssetDocument",
        responses={201: ResponseSpec(AssetDocument, description="The document")},
        opt={"actor": ADMIN, "permission": "assets.write", "limit": STRICT, "streamed": True},
    )
    async def upload_asset_document(request: Request[Any, Any, Any], asset_id: UUID) -> Answer:
        await desk.office.run(request, lambda act: _require_room(act, asset_id))

        async def is_there(id_: UUID) -> bool:
            async def look(act: Act) -> bool:
                return bool(await act.value(queries.has_asset_document, id_))

            return await desk.office.run(request, look)

        async with receiving(request, desk, is_there=is_there, fields={"title": _title}) as document:

            async def keep(act: Act) -> Answer:
                document.named_by(act)
                status = await _require_room(act, asset_id)
                row = await act.one(
                    queries.insert_asset_document,
                    document.id,
                    asset_id,
                    _title(document.fields["title"]),
                    document.stored_filename,
                    document.size,
                    document.media_type,
                    document.sha256,
                    act.me,
                )
                assert row is not None
                announce(act, asset_id, status)
                where = f"/api/v1/assets/{asset_id}/documents/{document.id}/content"
                return answer(document_of(row), status=201, location=where)

            return await desk.office.write(request, keep)

    @get(
        "/assets/{asset_id:uuid}/documents/{document_id:uuid}/content",
        summary="Download a document of an asset",
        operation_id="downloadAssetDocument",
        responses={
            200: ResponseSpec(None, description="The file as it was uploaded, or a broken connection")
        },
        opt={"actor": EITHER},
    )
    async def download_asset_document(
        request: Request[Any, Any, Any], asset_id: UUID, document_id: UUID
    ) -> Answer:
        async def find(act: Act) -> Kept:
            row = await act.one(queries.select_asset_document, asset_id, document_id, sees_drafts(act))
            if row is None:
                raise NotFound(_MISSING)
            return Kept(
                id=document_id,
                stored_filename=row["stored_filename"],
                filename=kept_filename(f"{row['title']}.{_EXTENSIONS[row['mime_type']]}"),
                media_type=row["mime_type"],
                size=row["file_size"],
                sha256=row["file_hash"],
            )

        return await attachment(request, desk, await desk.office.run(request, find))

    @delete(
        "/admin/assets/{asset_id:uuid}/documents/{document_id:uuid}",
        summary="Take a document out of an asset",
        operation_id="deleteAssetDocument",
        status_code=204,
        responses={204: ResponseSpec(None, description="It is gone")},
        opt={"actor": ADMIN, "permission": "assets.write"},
    )
    async def delete_asset_document(
        request: Request[Any, Any, Any], asset_id: UUID, document_id: UUID
    ) -> Response[None]:
        async def remove(act: Act) -> Answer:
            asset = await locked_asset(act, asset_id)
            stored = await act.value(queries.delete_asset_document, asset_id, document_id)
            if stored is None:
                raise NotFound(_MISSING)

            async def discard_file() -> None:
                await discard(desk, stored)

            act.after.append(discard_file)
            announce(act, asset_id, asset["status"])
            return no_content()

        return await desk.office.run(request, remove)

    return Router(
        "/",
        route_handlers=[upload_asset_document, download_asset_document, delete_asset_document],
        tags=["asset documents"],
    )


async def _require_room(act: Act, asset_id: UUID) -> str:
    """The state of an asset that takes one more document, locked. Raises `NotFound`, `Conflicting`."""
    asset = await locked_asset(act, asset_id)
    if await act.value(queries.count_asset_documents, asset_id, DOCUMENTS_MAX) >= DOCUMENTS_MAX:
        raise Conflicting(
            f"this asset has {DOCUMENTS_MAX} documents, and no more may be; delete one first",
            rule="asset_documents_count",
        )
    status: str = asset["status"]
    return status


def _title(text: str) -> str:
    return texts.parse(text, characters_max=255)
