"""action=tokenbalance, tokenlist, addresstoken…: what an address holds, as the sum of its transfers."""

from collections.abc import Callable
from typing import Any

import msgspec

from explorer_api.answer import Answer
from explorer_api.etherscan.answering import Asked, queries
from explorer_api.etherscan.envelope import Refused

_NO_TOKENS = "No tokens found"


async def tokenbalance(asked: Asked) -> Answer:
    parameters = asked.parameters
    token, holder = parameters.address("contractaddress"), parameters.address()
    if parameters.tag() not in {"latest", "pending"}:
        raise Refused("Error! Only the latest balance of a token is known; ask eth_call for older ones")
    return asked.answer(await asked.read(queries.select_token_balance, token, holder))


async def tokenlist(asked: Asked) -> Answer:
    """Tokens of every standard, as Blockscout answers it."""
    return await _held(
        asked,
        None,
        lambda held: {
            "balance": held["balance"],
            "contractAddress": held["contractAddress"],
            "decimals": held["decimals"],
            "name": held["name"],
            "symbol": held["symbol"],
            "type": f"ERC-{held['standard']}",
        },
    )


async def addresstokenbalance(asked: Asked) -> Answer:
    """ERC-20 alone. What a token is worth is not known."""
    return await _held(
        asked, 20, lambda held: _named(held) | {"TokenDivisor": held["decimals"], "TokenPriceUSD": "0"}
    )


async def addresstokennftbalance(asked: Asked) -> Answer:
    return await _held(asked, 721, _named)


async def addresstokennftinventory(asked: Asked) -> Answer:
    window = asked.parameters.window()
    holder, token = asked.parameters.address(), asked.parameters.address("contractaddress")
    row = await asked.page(
        window, lambda: asked.read(queries.select_items_held, holder, token, window.rows, window.skipped)
    )
    return asked.answer(row, empty=_NO_TOKENS)


async def _held(
    asked: Asked, standard: int | None, shown: Callable[[dict[str, Any]], dict[str, Any]]
) -> Answer:
    holder, window = asked.parameters.address(), asked.parameters.window()
    row = await asked.page(
        window, lambda: asked.read(queries.select_tokens_held, holder, standard, window.rows, window.skipped)
    )
    held = msgspec.json.decode(row["data"])
    return asked.answer(row, empty=_NO_TOKENS, result=msgspec.json.encode([shown(each) for each in held]))


def _named(held: dict[str, Any]) -> dict[str, Any]:
    return {
        "TokenAddress": held["contractAddress"],
        "TokenName": held["name"],
        "TokenSymbol": held["symbol"],
        "TokenQuantity": held["balance"],
    }
