"""/api/v1/admin/assets: assets are drafted, described, offered by four eyes, paused, resumed and closed."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Router, patch, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec

from write_api.acting import ADMIN, Act, Row, expected_version, queries, require_version
from write_api.answer import Answer
from write_api.answers.approvals import Approval
from write_api.answers.assets import Asset
from write_api.approving import ask_approval, justification
from write_api.asset_drafts import AssetChange, AssetDraft, checked, columns, merged
from write_api.asset_reading import asset_answer
from write_api.asset_states import (
    ACTIVE,
    CLOSED,
    PAUSED,
    announce,
    change_status,
    locked_asset,
    require_allowed,
    require_draft,
    require_ready,
)
from write_api.asset_terms import AssetTerms, check_deadline, check_type, values
from write_api.bodies import faults
from write_api.desk import Desk
from write_api.inputs import json_objects

_PERFORMANCE_BYTES_MAX = 32_768
_WRITE = {"actor": ADMIN, "permission": "assets.write"}
_AS_IT_IS = {200: ResponseSpec(Asset, description="The asset as it is now")}


class Justified(msgspec.Struct):
    """Why; the audit trail keeps it."""

    justification: str


class PerformanceChange(msgspec.Struct):
    """What is told of how the asset does, whole."""

    performance_data: dict[str, Any]


def routes(desk: Desk) -> Router:
    @post(
        "/",
        summary="Draft an asset",
        operation_id="createAsset",
        responses={201: ResponseSpec(Asset, description="The draft")},
        opt=_WRITE,
    )
    async def create_asset(request: Request[Any, Any, Any], data: AssetDraft) -> Answer:
        draft = checked(data)

        async def create(act: Act) -> Answer:
            made: UUID = await act.value(queries.insert_asset, *columns(draft), act.me)
            announce(act, made, "draft")
            return await asset_answer(act, made, status=201, location=f"/api/v1/assets/{made}")

        return await desk.office.write(request, create)

    @patch(
        "/{asset_id:uuid}",
        summary="Change what an asset says of itself",
        operation_id="changeAsset",
        responses=_AS_IT_IS,
        opt=_WRITE,
    )
    async def change_asset(request: Request[Any, Any, Any], asset_id: UUID, data: AssetChange) -> Answer:
        version = expected_version(request)

        async def change(act: Act) -> Answer:
            asset = await _of_version(act, asset_id, version)
            await act.exec(queries.update_asset, asset_id, *columns(checked(merged(dict(asset), data))))
            announce(act, asset_id, asset["status"])
            return await asset_answer(act, asset_id)

        return await desk.office.run(request, change)

    @put(
        "/{asset_id:uuid}/details",
        summary="Set the terms of an asset, all of them",
        operation_id="setAssetDetails",
        responses=_AS_IT_IS,
        opt=_WRITE,
    )
    async def set_details(request: Request[Any, Any, Any], asset_id: UUID, data: AssetTerms) -> Answer:
        version = expected_version(request)
        with faults() as found:
            row = values(data, found)

        async def set_(act: Act) -> Answer:
            asset = await _of_version(act, asset_id, version)
            before = await act.value(queries.select_asset_deadline, asset_id)
            with faults() as found:
                check_type(data, asset["type"], found)
                check_deadline(data, before, datetime.now(UTC), found)
            await act.exec(queries.upsert_asset_details, asset_id, *row)
            await act.exec(queries.update_asset_version, asset_id)
            announce(act, asset_id, asset["status"])
            return await asset_answer(act, asset_id)

        return await desk.office.run(request, set_)

    @patch(
        "/{asset_id:uuid}/metrics",
        summary="Set what is told of how an asset does",
        operation_id="setAssetPerformance",
        responses=_AS_IT_IS,
        opt=_WRITE,
    )
    async def set_performance(
        request: Request[Any, Any, Any], asset_id: UUID, data: PerformanceChange
    ) -> Answer:
        with faults() as found:
            found.parse(
                "performance_data",
                json_objects.parse,
                data.performance_data,
                bytes_max=_PERFORMANCE_BYTES_MAX,
            )
        told = msgspec.json.encode(data.performance_data).decode()

        async def set_(act: Act) -> Answer:
            asset = await locked_asset(act, asset_id)
            await act.exec(queries.update_asset_performance, asset_id, told)
            announce(act, asset_id, asset["status"])
            return await asset_answer(act, asset_id)

        return await desk.office.run(request, set_)

    @post(
        "/{asset_id:uuid}/activation",
        summary="Ask a second administrator to activate a draft",
        operation_id="requestAssetActivation",
        status_code=202,
        responses={202: ResponseSpec(Approval, description="What waits for a decision now")},
        opt=_WRITE,
    )
    async def request_activation(request: Request[Any, Any, Any], asset_id: UUID, data: Justified) -> Answer:
        with faults() as found:
            why = found.parse("justification", justification, data.justification)

        async def ask(act: Act) -> Answer:
            asset = await locked_asset(act, asset_id)
            require_draft(asset["status"])
            await require_ready(act, asset_id)
            return await ask_approval(act, "asset_activation", asset_id, {}, why)

        return await desk.office.write(request, ask)

    return Router(
        "/admin/assets",
        route_handlers=[
            create_asset,
            change_asset,
            set_details,
            set_performance,
            request_activation,
            _transition(desk, "pause", PAUSED, "Take no investments or interest for now"),
            _transition(desk, "resume", ACTIVE, "Offer a paused asset again"),
            _transition(desk, "close", CLOSED, "Close an asset for good"),
        ],
        tags=["asset administration"],
    )


def _transition(desk: Desk, name: str, wanted: str, summary: str) -> HTTPRouteHandler:
    @post(
        f"/{{asset_id:uuid}}/{name}",
        summary=summary,
        operation_id=f"{name}Asset",
        status_code=200,
        responses=_AS_IT_IS,
        opt=_WRITE,
    )
    async def change_state(request: Request[Any, Any, Any], asset_id: UUID, data: Justified) -> Answer:
        version = expected_version(request)
        with faults() as found:
            why = found.parse("justification", justification, data.justification)

        async def change(act: Act) -> Answer:
            asset = await _of_version(act, asset_id, version)
            require_allowed(asset["status"], wanted)
            await act.justify(why)
            await change_status(act, asset_id, asset["status"], wanted)
            return await asset_answer(act, asset_id)

        return await desk.office.write(request, change)

    return change_state


async def _of_version(act: Act, asset_id: UUID, version: int) -> Row:
    """The asset, locked. Raises `NotFound`, `VersionStale`."""
    asset = await locked_asset(act, asset_id)
    require_version(version, asset["version"])
    return asset
