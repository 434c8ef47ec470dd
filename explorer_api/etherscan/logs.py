"""module=logs: logs of a contract, or of a bounded range of blocks, by topics."""

from explorer_api.answer import Answer
from explorer_api.etherscan.answering import BYTES_MAX, Actions, Asked, queries
from explorer_api.etherscan.envelope import NO_RECORDS, Refused
from explorer_api.etherscan.parameters import Parameters
from explorer_api.reading import Row

_ROWS_MAX = 1_000
_TOPICS = range(4)


async def getlogs(asked: Asked) -> Answer:
    parameters = asked.parameters
    address = parameters.optional_address("address")
    topics = [parameters.optional_hash(f"topic{place}") for place in _TOPICS]
    joined_by_or = _operators(parameters, topics)
    first, last = parameters.blocks("fromBlock", "toBlock")
    window = parameters.window(_ROWS_MAX, _ROWS_MAX)
    if address is None:
        if not any(topics):
            raise Refused("Error! Missing address or topic0, topic1, topic2 or topic3")
        last = min(last, asked.explorer.tip.head + 1)
        most = asked.explorer.settings.queries.range_blocks_max
        if last - first >= most:
            raise Refused(f"Error! Without an address a range may have {most} blocks, not {last - first + 1}")

    async def read(low: int, high: int) -> Row:
        page = (address, low, high, window.rows, window.skipped)
        return await asked.read(queries.select_logs, *page, topics, joined_by_or, BYTES_MAX)

    async def read_all() -> Row:
        if address is None:
            with asked.explorer.expensive(asked.request):
                return await read(first, last)
        return await asked.page(window, lambda: asked.widened(window, (first, last), read, descending=False))

    absent = f"Error! The data of this page has more than {BYTES_MAX} bytes; ask for a smaller offset"
    return asked.answer(await read_all(), empty=NO_RECORDS, absent=absent)


def _operators(parameters: Parameters, topics: list[bytes | None]) -> list[bool]:
    """Whether topics 1, 2 and 3 are joined by `or` to the one before them that is asked for."""
    joined, before = [], 0 if topics[0] is not None else None
    for place in _TOPICS[1:]:
        is_or = False
        if topics[place] is not None:
            name = f"topic{before}_{place}_opr"
            is_or = before is not None and parameters.one_of(name, ("and", "or")) == "or"
            before = place
        joined.append(is_or)
    return joined


ACTIONS: Actions = {"getlogs": getlogs}
