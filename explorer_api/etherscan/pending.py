"""action=pendingtxlist: what waits in the node's pool, where the node tells."""

from typing import Any

from evm.primitives import to_hex
from explorer_api.answer import Answer
from explorer_api.etherscan.answering import Asked
from explorer_api.etherscan.envelope import NO_TRANSACTIONS, Refused
from node.errors import MethodMissing

_POOL_MAX = 1_000


async def pendingtxlist(asked: Asked) -> Answer:
    address, window = to_hex(asked.parameters.address()), asked.parameters.window()
    try:
        pool = await asked.node.call("txpool_besuPendingTransactions", [_POOL_MAX, {}])
    except MethodMissing as error:
        raise Refused("Error! The node does not tell which transactions are pending (API TXPOOL)") from error
    mine = [_shown(each) for each in pool or () if address in {_lower(each, "from"), _lower(each, "to")}]
    page = mine[window.skipped : window.skipped + window.rows]
    if not page:
        raise Refused([], NO_TRANSACTIONS)
    return asked.of_node(page)


def _lower(transaction: dict[str, Any], name: str) -> str:
    return str(transaction.get(name) or "").lower()


def _shown(transaction: dict[str, Any]) -> dict[str, str]:
    def number(name: str) -> str:
        return str(int(transaction.get(name) or "0x0", 16))

    return {
        "hash": str(transaction["hash"]),
        "nonce": number("nonce"),
        "from": _lower(transaction, "from"),
        "to": _lower(transaction, "to"),
        "value": number("value"),
        "gas": number("gas"),
        "gasPrice": number("gasPrice") if transaction.get("gasPrice") else number("maxFeePerGas"),
        "input": str(transaction.get("input") or "0x"),
        "contractAddress": "",
        "cumulativeGasUsed": "",
        "gasUsed": "",
    }
