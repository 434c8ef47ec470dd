"""module=stats, module=gastracker: supplies, fees and gas. What only a market knows is refused, never 0."""

from datetime import UTC, datetime

import msgspec

from explorer_api.answer import Answer
from explorer_api.etherscan.answering import Actions, Asked, queries
from explorer_api.etherscan.envelope import Refused

_GAS_BLOCKS = 20
_NOT_DERIVED = "Error! The fees of this day are not known: no block of it is indexed"


async def tokensupply(asked: Asked) -> Answer:
    row = await asked.read(queries.select_token, asked.parameters.address("contractaddress"))
    supply = None if row["data"] is None else msgspec.json.decode(row["data"])["totalSupply"]
    return asked.answer(
        row,
        absent="Error! No token is known at this address",
        result=None if supply is None else msgspec.json.encode(supply),
    )


async def totalfees(asked: Asked) -> Answer:
    """Of one day (UTC), so far where it is not over."""
    text = asked.parameters.text("date")
    try:
        day = datetime.strptime(text or "", "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise Refused("Error! Invalid date: allowed is YYYY-MM-DD") from error
    return asked.answer(await asked.read(queries.select_fees_of_day, day), absent=_NOT_DERIVED)


async def gasoracle(asked: Asked) -> Answer:
    """Of what the newest blocks paid: the lowest tenth, the median and the highest tenth, in gwei."""

    async def newest() -> int:
        async with asked.explorer.reader.connection() as connection:
            bounds = await queries.select_newest_range.one(connection)
        return -1 if bounds is None else int(bounds["high"])

    row = await asked.hinted(
        newest, lambda head: asked.read(queries.select_gas_prices, head - _GAS_BLOCKS + 1, head)
    )
    return asked.answer(row)


async def refuse_supply(_: Asked) -> Answer:
    raise Refused("Error! The supply of the native coin of a private network is not known")


async def refuse_price(_: Asked) -> Answer:
    raise Refused("Error! The native coin of a private network has no market and no price")


ACTIONS: Actions = {
    "tokensupply": tokensupply,
    "totalfees": totalfees,
    "ethsupply": refuse_supply,
    "ethsupply2": refuse_supply,
    "coinsupply": refuse_supply,
    "ethprice": refuse_price,
    "coinprice": refuse_price,
}
GAS_ACTIONS: Actions = {"gasoracle": gasoracle}
