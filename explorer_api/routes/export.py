"""/api/v1/export: transactions, token transfers and events of a range of blocks, as CSV or NDJSON."""

from contextlib import AsyncExitStack
from typing import Annotated, Any

from litestar import Request, Router, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter

from explorer_api.block_times import block_at, moment_of
from explorer_api.exporting import Export, ExportResponse, Format, snapshot
from explorer_api.parameters import BLOCK_NUMBER_MAX, address_of
from explorer_api.problems import NotDerived, NotIndexed, RangeTooWide
from explorer_api.reading import Explorer, Row, queries
from postgres.connections import OwnConnection
from postgres.queries import Query
from service.http.problems import BadParameter

_ADDRESS = "0x and 40 hexadecimal digits."
Holder = Annotated[str | None, Parameter(description=f"Who sent or received: {_ADDRESS}")]
Token = Annotated[str | None, Parameter(description=f"The token: {_ADDRESS}")]
Contract = Annotated[str | None, Parameter(description=f"The contract: {_ADDRESS}")]
FromBlock = Annotated[
    int | None,
    Parameter(
        ge=0, le=BLOCK_NUMBER_MAX, description="First block; without it the first of the newest whole range."
    ),
]
ToBlock = Annotated[
    int | None, Parameter(ge=0, le=BLOCK_NUMBER_MAX, description="Last block; without it the newest.")
]
FromTime = Annotated[
    str | None, Parameter(description="Instead of from_block: ISO 8601, the first block from this time on.")
]
ToTime = Annotated[
    str | None, Parameter(description="Instead of to_block: ISO 8601, the last block up to this time.")
]


def routes(explorer: Explorer) -> Router:
    exports = Exports(explorer)

    def described(noun: str, what: str, format_: Format) -> dict[str, Any]:
        form = {Format.CSV: "CSV with a header", Format.NDJSON: "a JSON object a line"}[format_]
        name = "".join(part.title() for part in noun.split("-"))
        return {
            "path": f"/{noun}.{format_}",
            "summary": f"{what}, as {form}",
            "description": "One snapshot, oldest first. The last line is an end mark: the number of rows, "
            "the block, its hash and the sequence: a file without it was cut off.",
            "operation_id": f"export{name}{format_.value.title()}",
            "responses": {
                200: ResponseSpec(str, media_type=format_.media_type, description="The rows and the end mark")
            },
        }

    def handlers(format_: Format) -> list[Any]:
        @get(**described("transactions", "Transactions", format_))
        async def export_transactions(
            request: Request[Any, Any, Any],
            address: Holder = None,
            from_block: FromBlock = None,
            to_block: ToBlock = None,
            from_time: FromTime = None,
            to_time: ToTime = None,
        ) -> ExportResponse:
            who = None if address is None else address_of("address", address)
            blocks = await exports.blocks(from_block, to_block, from_time, to_time)
            return await exports.opened(
                request,
                "transactions",
                format_,
                blocks,
                queries.export_transactions if who is None else queries.export_address_transactions,
                () if who is None else (who,),
                derivation=None if who is None else "address_transactions",
                counted=(queries.count_exported_transactions, (who,)),
            )

        @get(**described("token-transfers", "Token transfers", format_))
        async def export_token_transfers(
            request: Request[Any, Any, Any],
            address: Holder = None,
            token: Token = None,
            from_block: FromBlock = None,
            to_block: ToBlock = None,
            from_time: FromTime = None,
            to_time: ToTime = None,
        ) -> ExportResponse:
            who = None if address is None else address_of("address", address)
            what = None if token is None else address_of("token", token)
            query, arguments = queries.export_token_transfers, (format_ is Format.CSV,)
            if who is not None:
                query, arguments = queries.export_address_token_transfers, (*arguments, who, what)  # type: ignore[assignment]
            elif what is not None:
                query, arguments = queries.export_transfers_of_token, (*arguments, what)  # type: ignore[assignment]
            blocks = await exports.blocks(from_block, to_block, from_time, to_time)
            return await exports.opened(
                request,
                "token-transfers",
                format_,
                blocks,
                query,
                arguments,
                derivation="token_transfers" if who is None else "address_token_transfers",
                counted=(queries.count_exported_token_transfers, (who, what)),
            )

        @get(**described("events", "Decoded events", format_))
        async def export_events(
            request: Request[Any, Any, Any],
            contract: Contract = None,
            from_block: FromBlock = None,
            to_block: ToBlock = None,
            from_time: FromTime = None,
            to_time: ToTime = None,
        ) -> ExportResponse:
            what = None if contract is None else address_of("contract", contract)
            blocks = await exports.blocks(from_block, to_block, from_time, to_time)
            return await exports.opened(
                request,
                "events",
                format_,
                blocks,
                queries.export_events,
                (format_ is Format.CSV, what),
                derivation="decoded_events",
                counted=None,
            )

        return [export_transactions, export_token_transfers, export_events]

    every = [handler for format_ in Format for handler in handlers(format_)]
    return Router("/export", route_handlers=every, tags=["export"])


class Exports:
    """Opens exports: what can be refused is refused before the first byte."""

    def __init__(self, explorer: Explorer) -> None:
        self._explorer = explorer

    async def blocks(
        self, from_block: int | None, to_block: int | None, from_time: str | None, to_time: str | None
    ) -> tuple[int | None, int | None]:
        """The range that was asked for, by numbers or by times."""
        if from_time is not None:
            if from_block is not None:
                raise BadParameter("from_time", from_time, "nothing where from_block is given")
            row = await block_at(self._explorer, moment_of("from_time", from_time), before=False)
            from_block = row["number"]
        if to_time is not None:
            if to_block is not None:
                raise BadParameter("to_time", to_time, "nothing where to_block is given")
            row = await block_at(self._explorer, moment_of("to_time", to_time), before=True)
            to_block = row["number"]
        return from_block, to_block

    async def opened(
        self,
        request: Request[Any, Any, Any],
        name: str,
        format_: Format,
        blocks: tuple[int | None, int | None],
        query: Query,
        arguments: tuple[Any, ...],
        *,
        derivation: str | None,
        counted: tuple[Query, tuple[Any, ...]] | None,
    ) -> ExportResponse:
        """A response whose snapshot is taken. Raises `NotIndexed`, `NotDerived`, `RangeTooWide`."""
        async with AsyncExitStack() as held:
            held.enter_context(self._explorer.expensive(request))
            connection = await held.enter_async_context(snapshot(self._explorer))
            bounds = await queries.select_export_bounds.one(connection, derivation)
            first, last = _range(bounds, blocks, derivation)
            assert bounds is not None  # else there is no range
            rows_max = self._explorer.settings.queries.export_rows_max
            if counted is not None and (first, last) == (bounds["low"], bounds["high"]):
                await _refuse_too_many(connection, *counted, rows_max)
            export = Export(name, format_, query, first, last, rows_max, arguments)
            return ExportResponse(self._explorer, export, bounds, connection, held.pop_all())
        raise AssertionError("the block above returns or raises")


def _range(
    bounds: Row | None, blocks: tuple[int | None, int | None], derivation: str | None
) -> tuple[int, int]:
    """The blocks that are exported: of the newest range without a gap, and as far as it is derived."""
    if bounds is None or bounds["high"] is None:
        raise NotIndexed("nothing is indexed yet; start `pend-index run` and ask again")
    low, high = bounds["low"], bounds["high"]
    first, last = blocks
    if (first is not None and first < low) or (last is not None and last > high):
        raise NotIndexed(
            f"blocks {low} to {high} are indexed without a gap; ask for a range within them",
            indexed_from=low,
            indexed_to=high,
        )
    if derivation is not None:
        derived_from, derived_to = bounds["complete_from"], bounds["complete_to"]
        if derived_to is None or derived_to < derived_from:
            raise NotDerived("these rows are not derived yet; ask again when indexing has caught up")
        low, high = max(low, derived_from), min(high, derived_to)
        if (first is not None and first < low) or (last is not None and last > high):
            raise NotDerived(
                f"these rows are complete for blocks {low} to {high}; ask for a range within them",
                indexed_from=low,
                indexed_to=high,
            )
    first, last = low if first is None else first, high if last is None else last
    if first > last:
        raise BadParameter("from_block", first, f"a block up to the last one, {last}")
    return first, last


async def _refuse_too_many(
    connection: OwnConnection, query: Query, arguments: tuple[Any, ...], rows_max: int
) -> None:
    rows = await query.value(connection, *arguments)
    if rows is not None and rows > rows_max:
        raise RangeTooWide(
            f"these are {rows} rows, one export has {rows_max} at most; ask range by range with from_block "
            "and to_block"
        )
