"""/api/v1/transactions: every movement of money that a user asked for, and what the chain said of it."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Router, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter

from write_api.acting import USER, Act, queries
from write_api.answer import Answer, answer
from write_api.answers.transactions import Transaction, TransactionKind, TransactionStatus
from write_api.bodies import faults
from write_api.desk import Desk
from write_api.inputs import hashes
from write_api.investing import transaction, transaction_of
from write_api.pages import BY_TIME, LIMIT_DEFAULT, CursorText, Limit, Listed, PageRequest
from write_api.problems import Conflicting

_KEYS = ("created_at", "id")

KindFilter = Annotated[
    TransactionKind | None, QueryParameter(name="kind", description="Movements of this kind alone.")
]
StatusFilter = Annotated[
    TransactionStatus | None, QueryParameter(name="status", description="Movements in this state alone.")
]
AssetFilter = Annotated[UUID | None, QueryParameter(name="asset", description="Those of this asset alone.")]
InvestmentFilter = Annotated[
    UUID | None, QueryParameter(name="investment", description="Those of this investment alone.")
]


class SentTransaction(msgspec.Struct):
    """What the wallet has sent: 0x and 64 hexadecimal digits."""

    transaction_hash: str


def routes(desk: Desk) -> Router:
    @get(
        "/",
        summary="Your transactions, newest first",
        operation_id="listTransactions",
        responses={200: ResponseSpec(Listed[Transaction], description="A page of transactions")},
        opt={"actor": USER},
    )
    async def list_transactions(
        request: Request[Any, Any, Any],
        kind: KindFilter = None,
        of_status: StatusFilter = None,
        asset: AssetFilter = None,
        investment: InvestmentFilter = None,
        limit: Limit = LIMIT_DEFAULT,
        cursor: CursorText = None,
    ) -> Answer:
        filters = (kind, of_status, asset, investment)
        page = PageRequest(f"transactions {' '.join(map(str, filters))}", limit, cursor, BY_TIME)

        async def read(act: Act) -> Answer:
            rows = await act.many(queries.select_transactions, *page.arguments(), *filters, act.me)
            return answer(page.page(rows, _KEYS, [transaction(row) for row in rows]))

        return await desk.office.run(request, read)

    @get(
        "/{transaction_id:uuid}",
        summary="One of your transactions",
        operation_id="getTransaction",
        responses={200: ResponseSpec(Transaction, description="The transaction")},
        opt={"actor": USER},
    )
    async def get_transaction(request: Request[Any, Any, Any], transaction_id: UUID) -> Answer:
        async def read(act: Act) -> Answer:
            return answer(await transaction_of(act, transaction_id))

        return await desk.office.run(request, read)

    @post(
        "/{transaction_id:uuid}/hash",
        status_code=200,
        summary="Say which transaction of the chain was sent",
        operation_id="tellTransactionHash",
        responses={200: ResponseSpec(Transaction, description="It is settled by that transaction alone")},
        opt={"actor": USER},
    )
    async def tell_hash(
        request: Request[Any, Any, Any], transaction_id: UUID, data: SentTransaction
    ) -> Answer:
        with faults() as found:
            sent = found.parse("transaction_hash", hashes.parse, data.transaction_hash)

        async def tell(act: Act) -> Answer:
            if await act.value(queries.select_hash_is_taken, transaction_id, act.me, sent):
                raise Conflicting(
                    "that transaction settled another one of yours with the same terms; leave this one as it"
                    " is, and what you sent for it is found on the chain",
                    rule="transactions_hash_taken",
                )
            if await act.value(queries.tell_transaction_hash, transaction_id, act.me, sent) is None:
                raise _settled(await transaction_of(act, transaction_id))
            return answer(await transaction_of(act, transaction_id))

        return await desk.office.write(request, tell)

    @post(
        "/{transaction_id:uuid}/cancel",
        status_code=200,
        summary="Take back what nothing was sent for",
        operation_id="cancelTransaction",
        responses={200: ResponseSpec(Transaction, description="Failed: cancelled")},
        opt={"actor": USER},
    )
    async def cancel(request: Request[Any, Any, Any], transaction_id: UUID) -> Answer:
        async def take_back(act: Act) -> Answer:
            cancelled = await act.value(queries.cancel_transaction, transaction_id)
            shown = await transaction_of(act, transaction_id)
            if cancelled:
                act.announce("asset:updated", "assets", id=str(shown.asset_id))
                return answer(shown)
            if shown.status != "pending":
                raise _settled(shown)
            raise Conflicting(
                "a transaction was sent for this; the chain settles it",
                rule="transactions_sent",
                allowed_transitions=["confirmed", "failed"],
            )

        return await desk.office.write(request, take_back)

    return Router(
        "/transactions",
        route_handlers=[list_transactions, get_transaction, tell_hash, cancel],
        tags=["investments"],
    )


def _settled(shown: Transaction) -> Conflicting:
    return Conflicting(
        f"this transaction is {shown.status}, not pending any more",
        rule="transactions_settled",
        allowed_transitions=[],
    )
