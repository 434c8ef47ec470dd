"""/api/v1/assets/{id}/agreement: what a wallet signs before it invests; /api/v1/agreements: what it has."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Router, get, post
from litestar.openapi.datastructures import ResponseSpec

from service.http.problems import NotFound
from write_api.acting import USER, Act, Row, queries
from write_api.agreeing import parse_signature, text_to_sign
from write_api.answer import Answer, answer
from write_api.answers.agreements import Agreement, AgreementText
from write_api.bodies import faults
from write_api.credentials.wallets import digest_of, signer_of
from write_api.desk import Desk
from write_api.limiting import STRICT
from write_api.pages import BY_TIME, LIMIT_DEFAULT, CursorText, Limit, Listed, PageRequest
from write_api.problems import Conflicting, FieldFault, Invalid

_KEYS = ("signed_at", "id")


class AgreementSignature(msgspec.Struct):
    """The wallet's signature over the text (EIP-191 or EIP-1271), as 0x text."""

    signature: str


def routes(desk: Desk) -> Router:
    @get(
        "/assets/{asset_id:uuid}/agreement",
        summary="The agreement to sign before investing",
        operation_id="getAgreementText",
        responses={200: ResponseSpec(AgreementText, description="The text, word for word")},
        opt={"actor": USER},
    )
    async def get_agreement(request: Request[Any, Any, Any], asset_id: UUID) -> Answer:
        async def read(act: Act) -> Answer:
            return answer(await _offered(act, desk, asset_id))

        return await desk.office.run(request, read)

    @post(
        "/assets/{asset_id:uuid}/agreement",
        summary="Sign the agreement",
        operation_id="signAgreement",
        responses={201: ResponseSpec(Agreement, description="Kept; signing it again is the same")},
        opt={"actor": USER, "limit": STRICT},
    )
    async def sign_agreement(
        request: Request[Any, Any, Any], asset_id: UUID, data: AgreementSignature
    ) -> Answer:
        with faults() as found:
            signature = found.parse("signature", parse_signature, data.signature)

        async def read(act: Act) -> tuple[AgreementText, bytes]:
            return await _offered(act, desk, asset_id), act.wallet

        offered, wallet = await desk.office.run(request, read)
        digest = digest_of(offered.text)
        is_signed = signer_of(digest, signature) == wallet
        if not is_signed and not await desk.ask_contract(wallet, digest, signature):
            raise Invalid([FieldFault("signature", "is not your wallet's over the text as it is now")])
        agreement_hash = bytes.fromhex(offered.agreement_hash[2:])

        async def keep(act: Act) -> Answer:
            await act.exec(
                queries.insert_agreement, act.me, asset_id, agreement_hash, signature, offered.text
            )
            row = await act.one(queries.select_agreement, act.me, asset_id, agreement_hash)
            if row is None:
                raise Conflicting(
                    "the agreement has changed; read and sign the new one", rule="agreements_changed"
                )
            return answer(_agreement(row), status=201)

        return await desk.office.write(request, keep)

    @get(
        "/agreements",
        summary="What you signed, newest first",
        operation_id="listAgreements",
        responses={200: ResponseSpec(Listed[Agreement], description="A page of agreements")},
        opt={"actor": USER},
    )
    async def list_agreements(
        request: Request[Any, Any, Any], limit: Limit = LIMIT_DEFAULT, cursor: CursorText = None
    ) -> Answer:
        page = PageRequest("agreements", limit, cursor, BY_TIME)

        async def read(act: Act) -> Answer:
            rows = await act.many(queries.select_agreements, *page.arguments(), act.me)
            return answer(page.page(rows, _KEYS, [_agreement(row) for row in rows]))

        return await desk.office.run(request, read)

    return Router("/", route_handlers=[get_agreement, sign_agreement, list_agreements], tags=["investments"])


async def _offered(act: Act, desk: Desk, asset_id: UUID) -> AgreementText:
    row = await act.one(queries.select_asset_agreement, asset_id, act.me)
    if row is None:
        raise NotFound("there is no such asset")
    hashed: bytes | None = row["agreement_hash"]
    if hashed is None:
        raise NotFound("this asset has no agreement to sign")
    text = text_to_sign(desk.settings.sign_in.domain, asset_id, hashed, row["agreement_url"])
    return AgreementText(asset_id, "0x" + hashed.hex(), row["agreement_url"], text, row["is_signed"])


def _agreement(row: Row) -> Agreement:
    return Agreement(
        id=row["id"],
        asset_id=row["asset_id"],
        agreement_hash="0x" + row["agreement_hash"].hex(),
        agreement_url=row["agreement_url"],
        signed_text=row["signed_text"],
        signature="0x" + row["signature"].hex(),
        signed_at=row["signed_at"],
    )
