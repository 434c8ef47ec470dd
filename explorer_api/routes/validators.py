"""/api/v1/validators: who agrees on blocks, and what each did."""

from typing import Annotated, Any

from litestar import Router, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter

from explorer_api.answer import AnswerResponse, Lifetime
from explorer_api.answers.envelope import Listed, One
from explorer_api.answers.validators import AgreedBlock, Uptime, Validator, ValidatorSet
from explorer_api.pages import LIMIT_DEFAULT, PageRequest
from explorer_api.parameters import AddressInPath, CursorText, Limit, address_of, block_number_of
from explorer_api.problems import NotDerived
from explorer_api.reading import Explorer, Row, queries
from explorer_api.series import From, Interval, Span, To
from service.http.problems import BadParameter, NotFound


def routes(explorer: Explorer) -> Router:
    @get(
        "/",
        summary="The validator set at a block",
        operation_id="getValidatorSet",
        responses={200: ResponseSpec(One[ValidatorSet], description="The set")},
    )
    async def get_set(
        block: Annotated[str, Parameter(description="A block number, or latest.")] = "latest",
    ) -> AnswerResponse:
        number = None if block == "latest" else _number(block)
        row = await explorer.read(queries.select_validator_set, number)
        _require_derived(row, number)
        if row["data"] is None:
            raise NotFound("nobody has told of validators on this network")
        return explorer.answer(row, lifetime=explorer.lifetime_of(row, number))

    @get(
        "/rounds",
        summary="Blocks that took more than one round, newest first",
        operation_id="listRounds",
        responses={200: ResponseSpec(Listed[AgreedBlock], description="A page of blocks")},
    )
    async def list_rounds(limit: Limit = LIMIT_DEFAULT, cursor: CursorText = None) -> AnswerResponse:
        return await _agreed_blocks(explorer, PageRequest.of("rounds", limit, cursor, (int,)), None)

    @get(
        "/{address:str}",
        summary="One validator, and what it did lately",
        operation_id="getValidator",
        responses={200: ResponseSpec(One[Validator], description="The validator")},
    )
    async def get_validator(address: AddressInPath) -> AnswerResponse:
        row = await explorer.read(queries.select_validator, address_of("address", address))
        _require_derived(row, None)
        if row["data"] is None:
            raise NotFound("this address never was a validator in the blocks that are derived")
        return explorer.answer(row)

    @get(
        "/{address:str}/uptime",
        summary="What one validator did in each hour or day",
        operation_id="getValidatorUptime",
        responses={200: ResponseSpec(One[Uptime], description="One point for each hour or day")},
    )
    async def get_uptime(
        address: AddressInPath, interval: Interval = "hour", from_: From = None, to: To = None
    ) -> AnswerResponse:
        span = Span.of(interval, from_, to)
        row = await explorer.read(
            queries.select_validator_uptime, address_of("address", address), *span.arguments()
        )
        _require_derived(row, None)
        lifetime = span.lifetime(row)
        ttl_s = explorer.settings.cache.charts_s if lifetime is Lifetime.FINAL else None
        return explorer.answer(row, lifetime=lifetime, ttl_s=ttl_s)

    @get(
        "/{address:str}/blocks",
        summary="Blocks that one validator proposed, newest first",
        operation_id="listValidatorBlocks",
        responses={200: ResponseSpec(Listed[AgreedBlock], description="A page of blocks")},
    )
    async def list_blocks(
        address: AddressInPath, limit: Limit = LIMIT_DEFAULT, cursor: CursorText = None
    ) -> AnswerResponse:
        proposer = address_of("address", address)
        request = PageRequest.of(f"validator_blocks:{proposer.hex()}", limit, cursor, (int,))
        return await _agreed_blocks(explorer, request, proposer)

    handlers = [get_set, list_rounds, get_validator, get_uptime, list_blocks]
    return Router("/validators", route_handlers=handlers, tags=["validators"])


async def _agreed_blocks(explorer: Explorer, request: PageRequest, proposer: bytes | None) -> AnswerResponse:
    limit, backward, _, key = request.arguments()

    async def numbers() -> Any:
        async with explorer.reader.connection() as connection:
            found = await queries.select_agreed_block_numbers.value(
                connection, limit, backward, key, proposer
            )
        return found or []

    async def read(hint: Any) -> Row:
        return await explorer.read(queries.select_agreed_blocks, *request.arguments(), proposer, hint)

    row = await explorer.hinted(numbers, read, lambda row: bool(row["hint_holds"]))
    _require_derived(row, None)
    return explorer.page_of(row, request)


def _number(text: str) -> int:
    try:
        return block_number_of("block", text)
    except BadParameter as error:
        raise BadParameter("block", text, "a block number, or latest") from error


def _require_derived(row: Row, number: int | None) -> None:
    first, last = row["complete_from"], row["complete_to"]
    if first is None or last < first:
        raise NotDerived("how blocks were agreed on is not derived yet; ask again later")
    if number is not None and not first <= number <= last:
        raise NotDerived(
            f"how block {number} was agreed on is not derived; blocks {first} to {last} are",
            indexed_from=first,
            indexed_to=last,
        )
