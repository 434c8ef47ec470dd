"""/api/v1/investments: asked for by their owner, settled by the chain; the portfolio that they make."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Router, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter

from service.http.problems import NotFound
from write_api.acting import ADMIN, USER, Act, Row, queries
from write_api.answer import Answer, answer
from write_api.answers.investments import (
    Investment,
    InvestmentStatus,
    Portfolio,
    PortfolioSummary,
    Position,
)
from write_api.answers.transactions import Transaction
from write_api.bodies import faults
from write_api.desk import Desk
from write_api.inputs import amounts, texts
from write_api.investing import (
    investment_missing,
    investment_of,
    investments_of,
    parse_amount,
    transaction_of,
)
from write_api.pages import BY_TIME, LIMIT_DEFAULT, CursorText, Limit, Listed, PageRequest

_KEYS = ("invested_at", "id")
_CURRENCY_MAX = 10
_POSITIONS_MAX = 1_000

StatusFilter = Annotated[
    InvestmentStatus | None, QueryParameter(name="status", description="Investments in this state alone.")
]
AssetFilter = Annotated[UUID | None, QueryParameter(name="asset", description="Those in this asset alone.")]
UserFilter = Annotated[UUID | None, QueryParameter(name="user", description="Those of this user alone.")]


class InvestmentOrder(msgspec.Struct):
    """What to invest. The amount is decimal text in the asset's currency, such as "1250.5"."""

    asset_id: UUID
    amount: str
    currency: str


class WithdrawalOrder(msgspec.Struct):
    """What to take out again, as decimal text."""

    amount: str


def routes(desk: Desk) -> Router:
    @post(
        "/investments",
        summary="Ask to invest",
        operation_id="createInvestment",
        responses={
            201: ResponseSpec(
                Investment, description="Pending: the amount is reserved until the wallet sends it"
            )
        },
        opt={"actor": USER, "idempotent": "required"},
    )
    async def create_investment(request: Request[Any, Any, Any], data: InvestmentOrder) -> Answer:
        with faults() as found:
            amount = parse_amount(found, data.amount)
            currency = found.parse("currency", texts.parse, data.currency, characters_max=_CURRENCY_MAX)

        async def invest(act: Act) -> Answer:
            made = await act.value(queries.insert_investment, act.me, data.asset_id, amount, currency)
            if made is None:
                raise NotFound("there is no such asset")
            act.announce("asset:updated", "assets", id=str(data.asset_id))
            investment = await investment_of(act, made)
            return answer(
                investment,
                status=201,
                version=investment.version,
                location=f"/api/v1/investments/{investment.id}",
            )

        return await desk.office.write(request, invest)

    @get(
        "/investments",
        summary="Your investments, newest first",
        operation_id="listInvestments",
        responses={200: ResponseSpec(Listed[Investment], description="A page of investments")},
        opt={"actor": USER},
    )
    async def list_investments(
        request: Request[Any, Any, Any],
        of_status: StatusFilter = None,
        asset: AssetFilter = None,
        limit: Limit = LIMIT_DEFAULT,
        cursor: CursorText = None,
    ) -> Answer:
        page = PageRequest(f"investments {of_status} {asset}", limit, cursor, BY_TIME)

        async def read(act: Act) -> Answer:
            query = queries.select_investment_ids_of_user
            rows = await act.many(query, *page.arguments(), of_status, asset, act.me)
            return await _listed(act, page, rows)

        return await desk.office.run(request, read)

    @get(
        "/investments/{investment_id:uuid}",
        summary="One of your investments",
        operation_id="getInvestment",
        responses={200: ResponseSpec(Investment, description="The investment")},
        opt={"actor": USER},
    )
    async def get_investment(request: Request[Any, Any, Any], investment_id: UUID) -> Answer:
        async def read(act: Act) -> Answer:
            if await act.one(queries.select_own_investment, investment_id, act.me) is None:
                raise investment_missing()
            investment = await investment_of(act, investment_id)
            return answer(investment, version=investment.version)

        return await desk.office.run(request, read)

    @post(
        "/investments/{investment_id:uuid}/withdrawals",
        summary="Ask to withdraw",
        operation_id="createWithdrawal",
        responses={201: ResponseSpec(Transaction, description="Pending until the chain confirms it")},
        opt={"actor": USER, "idempotent": "required"},
    )
    async def create_withdrawal(
        request: Request[Any, Any, Any], investment_id: UUID, data: WithdrawalOrder
    ) -> Answer:
        with faults() as found:
            amount = parse_amount(found, data.amount)

        async def withdraw(act: Act) -> Answer:
            made = await act.value(queries.insert_withdrawal, act.me, investment_id, amount)
            if made is None:
                raise investment_missing()
            movement = await transaction_of(act, made)
            return answer(movement, status=201, location=f"/api/v1/transactions/{movement.id}")

        return await desk.office.write(request, withdraw)

    @get(
        "/users/me/portfolio",
        summary="What you hold, by asset",
        operation_id="getPortfolio",
        responses={200: ResponseSpec(Portfolio, description="Positions now, and the summary")},
        opt={"actor": USER},
    )
    async def get_portfolio(request: Request[Any, Any, Any]) -> Answer:
        async def read(act: Act) -> Answer:
            rows = await act.many(queries.select_positions, _POSITIONS_MAX + 1, act.me)
            summary = await act.one(queries.select_portfolio_summary, act.me)
            positions = [_position(row) for row in rows[:_POSITIONS_MAX]]
            return answer(Portfolio(positions, len(rows) <= _POSITIONS_MAX, _summary(summary)))

        return await desk.office.run(request, read)

    @get(
        "/admin/investments",
        summary="Investments of everybody, newest first",
        operation_id="listAllInvestments",
        responses={200: ResponseSpec(Listed[Investment], description="A page of investments")},
        opt={"actor": ADMIN, "permission": "investments.read"},
    )
    async def list_all_investments(
        request: Request[Any, Any, Any],
        user: UserFilter = None,
        asset: AssetFilter = None,
        of_status: StatusFilter = None,
        limit: Limit = LIMIT_DEFAULT,
        cursor: CursorText = None,
    ) -> Answer:
        page = PageRequest(f"all investments {user} {asset} {of_status}", limit, cursor, BY_TIME)

        async def read(act: Act) -> Answer:
            keys = page.arguments()
            # One statement for each index: a plan for all of them would use none.
            if user is not None:
                rows = await act.many(queries.select_investment_ids_of_user, *keys, of_status, asset, user)
            elif asset is not None:
                rows = await act.many(queries.select_investment_ids_of_asset, *keys, of_status, asset)
            elif of_status is not None:
                rows = await act.many(queries.select_investment_ids_of_status, *keys, of_status)
            else:
                rows = await act.many(queries.select_investment_ids, *keys)
            return await _listed(act, page, rows)

        return await desk.office.run(request, read)

    return Router(
        "/",
        route_handlers=[
            create_investment,
            list_investments,
            get_investment,
            create_withdrawal,
            get_portfolio,
            list_all_investments,
        ],
        tags=["investments"],
    )


async def _listed(act: Act, page: PageRequest, rows: list[Row]) -> Answer:
    return answer(page.page(rows, _KEYS, await investments_of(act, [row["id"] for row in rows])))


def _position(row: Row) -> Position:
    return Position(
        asset_id=row["asset_id"],
        title=row["title"],
        currency=row["currency"],
        invested=amounts.to_text(row["invested"]),
        pending=amounts.to_text(row["pending"]),
        withdrawing=amounts.to_text(row["withdrawing"]),
        withdrawn=amounts.to_text(row["withdrawn"]),
        investment_count=row["investment_count"],
        first_invested_at=row["first_invested_at"],
    )


def _summary(row: Row | None) -> PortfolioSummary | None:
    if row is None:
        return None
    return PortfolioSummary(
        row["total_assets"],
        amounts.to_text(row["total_invested"]),
        row["total_investments"],
        row["last_investment_date"],
    )
