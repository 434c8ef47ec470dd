"""module=block: what a block earned, a block by time, how long until one comes, and the newest."""

from datetime import UTC, datetime

import msgspec

from explorer_api.answer import Answer
from explorer_api.block_times import block_at
from explorer_api.etherscan.answering import Actions, Asked, queries
from explorer_api.etherscan.envelope import Refused
from service.http.problems import NotFound

_MOMENT_MAX = 253_402_300_799  # the year 9999


async def getblockreward(asked: Asked) -> Answer:
    """What the transactions paid above the base fee: what genesis grants is not indexed."""
    number = asked.parameters.number("blockno")
    row = await asked.read(queries.select_block_reward, number)
    return asked.answer(
        row, absent="Error! Block not found", lifetime=asked.explorer.lifetime_of(row, number)
    )


async def getblocknobytime(asked: Asked) -> Answer:
    moment = asked.parameters.number("timestamp")
    if moment > _MOMENT_MAX:
        raise Refused("Error! Invalid timestamp: allowed are seconds since 1970")
    before = asked.parameters.one_of("closest", ("before", "after")) == "before"
    try:
        row = await block_at(asked.explorer, datetime.fromtimestamp(moment, UTC), before=before)
    except NotFound as error:
        raise Refused("Error! No closest block found") from error
    return asked.answer(row, result=msgspec.json.encode(str(row["number"])))


async def getblockcountdown(asked: Asked) -> Answer:
    wanted = asked.parameters.number("blockno")
    row = await asked.read(queries.select_block_pace)
    remaining = wanted - row["head_number"]
    if remaining <= 0:
        raise Refused("Error! Block number already pass")
    if row["mean_block_time_s"] is None:
        raise Refused("Error! The time between blocks is not known yet")
    countdown = {
        "CurrentBlock": str(row["head_number"]),
        "CountdownBlock": str(wanted),
        "RemainingBlock": str(remaining),
        "EstimateTimeInSec": f"{remaining * float(row['mean_block_time_s']):.1f}",
    }
    return asked.answer(row, result=msgspec.json.encode(countdown))


async def eth_block_number(asked: Asked) -> Answer:
    """The newest block that is indexed; `module=proxy` has the node's."""
    return asked.answer(await asked.read(queries.select_block_pace), rpc=True)


ACTIONS: Actions = {
    "getblockreward": getblockreward,
    "getblocknobytime": getblocknobytime,
    "getblockcountdown": getblockcountdown,
    "eth_block_number": eth_block_number,
}
