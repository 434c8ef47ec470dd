"""/api/v1/assets: what is offered, for everybody who is signed in; drafts for who makes them."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, Router, delete, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter, QueryParameter

from write_api.acting import EITHER, USER, Act, queries
from write_api.answer import Answer, answer, no_content
from write_api.answers.assets import Asset, AssetInterest, AssetStatus, AssetSummary, AssetType
from write_api.asset_reading import asset_answer, asset_of, sees_drafts, summary_of
from write_api.asset_states import announce
from write_api.bodies import faults
from write_api.desk import Desk
from write_api.inputs import texts
from write_api.pages import BY_TIME, LIMIT_DEFAULT, CursorText, Limit, Listed, PageRequest
from write_api.routes import asset_administration

_BY_RANK: tuple[type, ...] = (float, UUID)
_WORDS_MAX, _CATEGORY_MAX = 200, 100

TypeFilter = Annotated[
    AssetType | None, QueryParameter(name="type", description="Assets of this type alone.")
]
StatusFilter = Annotated[
    AssetStatus | None, QueryParameter(name="status", description="Assets in this state alone.")
]
CategoryFilter = Annotated[str | None, Parameter(description="Assets of this category alone, word for word.")]
Words = Annotated[
    str | None,
    QueryParameter(
        name="q", description='Words that all are there, or not there ("-word"); the best match first.'
    ),
]


def routes(desk: Desk) -> Router:
    @get(
        "/",
        summary="Assets, newest first or the best match first",
        operation_id="listAssets",
        responses={200: ResponseSpec(Listed[AssetSummary], description="A page of assets")},
        opt={"actor": EITHER},
    )
    async def list_assets(
        request: Request[Any, Any, Any],
        asset_type: TypeFilter = None,
        asset_status: StatusFilter = None,
        category: CategoryFilter = None,
        words: Words = None,
        limit: Limit = LIMIT_DEFAULT,
        cursor: CursorText = None,
    ) -> Answer:
        with faults() as found:
            if words is not None:
                words = found.parse("q", texts.parse, words, characters_max=_WORDS_MAX)
            if category is not None:
                category = found.parse("category", texts.parse, category, characters_max=_CATEGORY_MAX)
        filters = (asset_type, asset_status, category)
        kinds, keys = (BY_TIME, ("created_at", "id")) if words is None else (_BY_RANK, ("rank", "id"))
        page = PageRequest(f"assets {filters!r} {words!r}", limit, cursor, kinds)

        async def read(act: Act) -> Answer:
            if words is None:
                rows = await act.many(queries.select_assets, *page.arguments(), *filters, sees_drafts(act))
            else:
                rows = await act.many(queries.select_assets_matching, *page.arguments(), *filters, words)
            return answer(page.page(rows, keys, [summary_of(row) for row in rows]))

        return await desk.office.run(request, read)

    @get(
        "/{asset_id:uuid}",
        summary="One asset with its terms, totals and documents",
        operation_id="getAsset",
        responses={200: ResponseSpec(Asset, description="The asset")},
        opt={"actor": EITHER},
    )
    async def get_asset(request: Request[Any, Any, Any], asset_id: UUID) -> Answer:
        return await desk.office.run(request, lambda act: asset_answer(act, asset_id))

    @post(
        "/{asset_id:uuid}/interest",
        summary="Show interest in an interest-only asset",
        operation_id="showInterest",
        responses={201: ResponseSpec(AssetInterest, description="Your interest is counted, once")},
        opt={"actor": USER},
    )
    async def show_interest(request: Request[Any, Any, Any], asset_id: UUID) -> Answer:
        async def show(act: Act) -> Answer:
            await asset_of(act, asset_id)
            is_new = await act.value(queries.insert_asset_interest, asset_id, act.me)
            asset = await asset_of(act, asset_id)
            if is_new:
                announce(act, asset_id, asset.status)
            return answer(AssetInterest(asset.id, True, asset.metrics.interested_count), status=201)

        return await desk.office.write(request, show)

    @delete(
        "/{asset_id:uuid}/interest",
        summary="Take your interest back",
        operation_id="withdrawInterest",
        status_code=204,
        responses={204: ResponseSpec(None, description="It is not counted any more, if it was")},
        opt={"actor": USER},
    )
    async def withdraw_interest(request: Request[Any, Any, Any], asset_id: UUID) -> Response[None]:
        async def withdraw(act: Act) -> Answer:
            asset = await asset_of(act, asset_id)
            if await act.value(queries.delete_asset_interest, asset_id, act.me):
                announce(act, asset_id, asset.status)
            return no_content()

        return await desk.office.run(request, withdraw)

    offered = Router(
        "/assets", route_handlers=[list_assets, get_asset, show_interest, withdraw_interest], tags=["assets"]
    )
    return Router("/", route_handlers=[offered, asset_administration.routes(desk)])
