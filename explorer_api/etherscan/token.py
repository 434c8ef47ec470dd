"""module=token: what a token says of itself, and who holds it."""

from typing import Any

import msgspec

from explorer_api.answer import Answer
from explorer_api.etherscan.answering import Actions, Asked, queries
from explorer_api.etherscan.envelope import NO_RECORDS
from explorer_api.reading import Row

_NO_TOKEN = "Error! No token is known at this address"  # noqa: S105


async def gettoken(asked: Asked) -> Answer:
    """As Blockscout answers it."""
    row, token = await _token(asked)
    shown = token and {
        "cataloged": False,
        "contractAddress": token["contractAddress"],
        "decimals": token["decimals"],
        "name": token["name"],
        "symbol": token["symbol"],
        "totalSupply": token["totalSupply"],
        "type": f"ERC-{token['standard']}",
    }
    return _answered(asked, row, shown)


async def tokeninfo(asked: Asked) -> Answer:
    """As Etherscan answers it, without what people would have to write about a token."""
    row, token = await _token(asked)
    shown = token and [
        {
            "contractAddress": token["contractAddress"],
            "tokenName": token["name"],
            "symbol": token["symbol"],
            "divisor": token["decimals"],
            "tokenType": f"ERC{token['standard']}",
            "totalSupply": token["totalSupply"],
            "blueCheckmark": "false",
            "description": "",
            "website": "",
            "tokenPriceUSD": "0",
        }
    ]
    return _answered(asked, row, shown)


async def tokenholdercount(asked: Asked) -> Answer:
    row, token = await _token(asked)
    return _answered(asked, row, token and token["holders"])


async def gettokenholders(asked: Asked) -> Answer:
    row = await _holders(asked)
    return asked.answer(row, empty=NO_RECORDS)


async def tokenholderlist(asked: Asked) -> Answer:
    row = await _holders(asked)
    shown = [
        {"TokenHolderAddress": each["address"], "TokenHolderQuantity": each["value"]}
        for each in msgspec.json.decode(row["data"])
    ]
    return asked.answer(row, empty=NO_RECORDS, result=msgspec.json.encode(shown))


async def _holders(asked: Asked) -> Row:
    token, window = asked.parameters.address("contractaddress"), asked.parameters.window()
    return await asked.page(
        window, lambda: asked.read(queries.select_token_holders, token, window.rows, window.skipped)
    )


async def _token(asked: Asked) -> tuple[Row, Any]:
    row = await asked.read(queries.select_token, asked.parameters.address("contractaddress"))
    return row, None if row["data"] is None else msgspec.json.decode(row["data"])


def _answered(asked: Asked, row: Row, shown: Any) -> Answer:
    return asked.answer(row, absent=_NO_TOKEN, result=None if shown is None else msgspec.json.encode(shown))


ACTIONS: Actions = {
    "gettoken": gettoken,
    "tokeninfo": tokeninfo,
    "tokenholdercount": tokenholdercount,
    "gettokenholders": gettokenholders,
    "tokenholderlist": tokenholderlist,
}
