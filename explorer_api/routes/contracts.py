"""/api/v1/contracts: contracts, their ABIs, decoded events and calls."""

from contextlib import nullcontext
from typing import Annotated, Any

from litestar import Request, Router, get
from litestar.datastructures import State
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter

from explorer_api.answer import AnswerResponse
from explorer_api.answers.contracts import (
    Contract,
    ContractAbis,
    ContractEvent,
    ContractOrder,
    ContractSummary,
    Interaction,
)
from explorer_api.answers.envelope import Listed, One
from explorer_api.keyset import address_key
from explorer_api.pages import LIMIT_DEFAULT, PageRequest
from explorer_api.parameters import AddressInPath, CursorText, Limit, address_of
from explorer_api.reading import Explorer, Row, queries
from explorer_api.routes.events import FromBlock, ToBlock, check_order, reach, require_indexed
from explorer_api.routes.transaction_contents import require_derived
from explorer_api.scans import ROWS_MAX, Span, is_chunked
from explorer_api.shipped_abis import shipped_abis
from postgres.queries import Query
from service.http.problems import BadParameter, NotFound

ARGUMENTS_MAX = 8
TEXT_MAX = 200
FIRST_BLOCKS = 100_000
"""Blocks whose events tell which of the shipped ABIs read a contract."""

_FILTER = f"at most {ARGUMENTS_MAX} of name:value, each of at most {TEXT_MAX} characters"


def routes(explorer: Explorer) -> Router:
    @get(
        "/",
        summary="Contracts, by the block in which they behaved as one first",
        operation_id="listContracts",
        responses={200: ResponseSpec(Listed[ContractSummary], description="A page of contracts")},
    )
    async def list_contracts(
        order: Annotated[ContractOrder, Parameter(description="Which come first.")] = "newest",
        limit: Limit = LIMIT_DEFAULT,
        cursor: CursorText = None,
    ) -> AnswerResponse:
        request = PageRequest.of(f"contracts:{order}", limit, cursor, (int, str))
        oldest = order == "oldest"
        _, _, sequence, first_block, address = request.arguments()
        upwards, key = oldest != request.backward, (first_block, address_key(address))

        async def blocks() -> Any:
            if not is_chunked(explorer):
                return None
            return await _value(explorer, queries.select_contracts_blocks, limit, upwards, *key) or []

        async def read(named: Any) -> Row:
            return await explorer.read(
                queries.select_contracts, limit, upwards, sequence, *key, oldest, named
            )

        row = await explorer.hinted(blocks, read, _holds)
        require_derived(row, None, "addresses")
        return explorer.page_of(row, request)

    @get(
        "/{address:str}",
        summary="One contract",
        operation_id="getContract",
        responses={200: ResponseSpec(One[Contract], description="The contract")},
    )
    async def get_contract(address: AddressInPath) -> AnswerResponse:
        row = await _about(explorer, queries.select_contract, address_of("address", address))
        return explorer.answer(row)

    @get(
        "/{address:str}/abi",
        summary="The ABIs by which a contract is read now",
        operation_id="getContractAbi",
        responses={200: ResponseSpec(One[ContractAbis], description="ABIs with their entries")},
    )
    async def get_abi(address: AddressInPath) -> AnswerResponse:
        row = await _about(explorer, queries.select_contract_abis, address_of("address", address))
        return explorer.answer(row, ttl_s=explorer.settings.cache.static_s)

    @get(
        "/{address:str}/events",
        summary="Decoded events of a contract, newest first",
        description="A page looks at a bounded number of events: with a filter it may hold fewer rows than "
        "its limit, even none, and still have `page.next`.",
        operation_id="listContractEvents",
        responses={200: ResponseSpec(Listed[ContractEvent], description="A page of events")},
    )
    async def list_events(
        request: Request[object, object, State],
        address: AddressInPath,
        name: Annotated[
            str | None,
            Parameter(
                max_length=TEXT_MAX, description="Name, or signature such as Transfer(address,uint256)."
            ),
        ] = None,
        argument: Annotated[
            list[str] | None,
            Parameter(
                description="What an argument must be, as name:value, such as to:0x… or value:1000; may be "
                "given several times, and all must hold. Numbers are decimal."
            ),
        ] = None,
        from_block: FromBlock = None,
        to_block: ToBlock = None,
        limit: Limit = LIMIT_DEFAULT,
        cursor: CursorText = None,
    ) -> AnswerResponse:
        contract = address_of("address", address)
        names, values = arguments_of(argument or [])
        if name is not None and "\x00" in name:
            raise BadParameter("name", name, "the name or signature of an event")
        check_order(from_block, to_block)
        filters = (name, names, values, from_block, to_block)
        page = PageRequest.of(f"contract_events:{contract.hex()}:{filters}", limit, cursor, (int, int))
        first_seen, _ = await _blocks(explorer, contract)
        filtered = name is not None or bool(names)
        looked = ROWS_MAX if filtered else limit + 1

        async def read(low: int, high: int, ends: bool) -> Row:
            place = (*page.arguments(), low, high, ends, looked)
            return await explorer.read(queries.select_contract_events, *place, name, names, values, contract)

        span = Span.of(explorer, max(first_seen, from_block or 0), to_block)
        with explorer.expensive(request) if filtered else nullcontext():
            row = await span.read(page, read, **reach(explorer))
        require_derived(row, None, "decoded events")
        require_indexed(row, from_block)
        return explorer.page_of(row, page)

    @get(
        "/{address:str}/interactions",
        summary="Transactions that called a contract, newest first",
        operation_id="listContractInteractions",
        responses={200: ResponseSpec(Listed[Interaction], description="A page of calls")},
    )
    async def list_interactions(
        address: AddressInPath, limit: Limit = LIMIT_DEFAULT, cursor: CursorText = None
    ) -> AnswerResponse:
        contract = address_of("address", address)
        page = PageRequest.of(f"interactions:{contract.hex()}", limit, cursor, (int, int))
        await _blocks(explorer, contract)
        _, backward, _, *key = arguments = page.arguments()

        async def blocks() -> Any:
            if not is_chunked(explorer):
                return None
            place = (limit, backward, *key)
            return await _value(explorer, queries.select_contract_interactions_blocks, *place, contract) or []

        async def read(named: Any) -> Row:
            return await explorer.read(queries.select_contract_interactions, *arguments, contract, named)

        row = await explorer.hinted(blocks, read, _holds)
        require_derived(row, None, "transactions of addresses")
        return explorer.page_of(row, page)

    handlers = [list_contracts, get_contract, get_abi, list_events, list_interactions]
    return Router("/contracts", route_handlers=handlers, tags=["contracts"])


def arguments_of(given: list[str]) -> tuple[list[str], list[str]]:
    """Names and values of `name:value`, the values as decoded events spell them. Raises `BadParameter`."""
    names, values = [], []
    for text in given:
        name, colon, value = text.partition(":")
        if not (name and colon) or len(text) > TEXT_MAX or "\x00" in text or len(given) > ARGUMENTS_MAX:
            raise BadParameter("argument", text, _FILTER)
        names.append(name)
        values.append(value.lower() if value[:2] in {"0x", "0X"} else value)
    return names, values


async def _value(explorer: Explorer, query: Query, *arguments: Any) -> Any:
    async with explorer.reader.connection() as connection:
        return await query.value(connection, *arguments)


async def _blocks(explorer: Explorer, contract: bytes) -> list[int]:
    """The first block that saw the contract, and the one that created it. Raises `NotFound`."""
    blocks: list[int] | None = await _value(explorer, queries.select_contract_blocks, contract)
    if blocks is None:
        raise no_contract()
    return blocks


async def _about(explorer: Explorer, query: Query, contract: bytes) -> Row:
    """The row of one contract. Raises `NotFound`."""

    async def blocks() -> list[int] | None:
        return await _blocks(explorer, contract) if is_chunked(explorer) else None

    async def read(named: list[int] | None) -> Row:
        first, last = (0, 2**62) if named is None else (named[0], named[0] + FIRST_BLOCKS)
        return await explorer.read(query, contract, named, *shipped_abis(), first, last)

    row = await explorer.hinted(blocks, read, _holds)
    if row["data"] is None:
        raise no_contract()
    return row


def no_contract() -> NotFound:
    return NotFound("in the derived blocks this address never behaved as a contract: see /api/v1/addresses")


def _holds(row: Row) -> bool:
    return bool(row["hint_holds"])
