"""module=account: balances and what addresses own or mined; lists of what they did are in their own files."""

from typing import Any

import msgspec

from evm.primitives import Address, to_hex
from explorer_api.answer import Answer
from explorer_api.etherscan.answering import Actions, Asked, queries
from explorer_api.etherscan.envelope import NO_TRANSACTIONS, Refused
from explorer_api.etherscan.internal_transfers import txlistinternal
from explorer_api.etherscan.pending import pendingtxlist
from explorer_api.etherscan.token_transfers import token1155tx, tokennfttx, tokentx
from explorer_api.etherscan.tokens_held import (
    addresstokenbalance,
    addresstokennftbalance,
    addresstokennftinventory,
    tokenbalance,
    tokenlist,
)
from explorer_api.etherscan.transactions import txlist
from node.errors import CallRejected

_MINED_ROWS = 1_000
_SEALED = ("qbft", "ibft2", "clique")


async def balance(asked: Asked) -> Answer:
    """As it was last read from the node; of another block, or changed since, as the node says now."""
    address, tag = asked.parameters.address(), asked.parameters.tag()
    if tag in {"latest", "pending"}:
        row = await asked.read(queries.select_balances, [address])
        (stored,) = msgspec.json.decode(row["data"])
        if stored["balance"] is not None:
            return asked.answer(row, result=msgspec.json.encode(stored["balance"]))
    return asked.of_node(await _asked(asked, address, tag))


async def balancemulti(asked: Asked) -> Answer:
    addresses, tag = asked.parameters.addresses("address"), asked.parameters.tag()
    if tag not in {"latest", "pending"}:
        return asked.of_node([await _named(asked, address, tag) for address in addresses])
    row = await asked.read(queries.select_balances, addresses)
    balances = msgspec.json.decode(row["data"])
    if all(each["balance"] is not None for each in balances):
        return asked.answer(row)
    return asked.of_node(
        [
            each if each["balance"] is not None else await _named(asked, address, tag)
            for address, each in zip(addresses, balances, strict=True)
        ]
    )


async def balancehistory(asked: Asked) -> Answer:
    """The node alone knows it, and only if it keeps old states."""
    address, block = asked.parameters.address(), asked.parameters.number("blockno")
    return asked.of_node(await _asked(asked, address, hex(block)))


async def getminedblocks(asked: Asked) -> Answer:
    """The reward is what the transactions paid above the base fee: what genesis grants is not indexed."""
    parameters = asked.parameters
    address, window = parameters.address(), parameters.window(_MINED_ROWS, _MINED_ROWS)
    if parameters.one_of("blocktype", ("blocks", "uncles")) == "uncles":
        raise Refused([], NO_TRANSACTIONS)
    page = (address, window.rows, window.skipped)
    row = await asked.page(
        window,
        lambda: asked.hinted(
            lambda: asked.value(queries.select_mined_block_numbers, *page),
            lambda blocks: asked.read(queries.select_mined_blocks, *page, blocks),
        ),
    )
    if row["consensus"] not in _SEALED:
        raise Refused(f"Error! On a network of {row['consensus']} blocks are not listed by who made them")
    return asked.answer(row, empty=NO_TRANSACTIONS)


async def listaccounts(asked: Asked) -> Answer:
    window = asked.parameters.window()
    row = await asked.page(window, lambda: asked.read(queries.select_accounts, window.rows, window.skipped))
    return asked.answer(row, empty="No accounts found")


async def _named(asked: Asked, address: Address, tag: str) -> dict[str, Any]:
    return {"account": to_hex(address), "balance": await _asked(asked, address, tag)}


async def _asked(asked: Asked, address: Address, tag: str) -> str:
    try:
        return str(int(await asked.node.call("eth_getBalance", [to_hex(address), tag]), 16))
    except CallRejected as error:
        raise Refused(f"Error! The node does not know the balance at block {tag}: {error.message}") from error


ACTIONS: Actions = {
    "balance": balance,
    "balancemulti": balancemulti,
    "balancehistory": balancehistory,
    "txlist": txlist,
    "txlistinternal": txlistinternal,
    "tokentx": tokentx,
    "tokennfttx": tokennfttx,
    "token1155tx": token1155tx,
    "tokenbalance": tokenbalance,
    "addresstokenbalance": addresstokenbalance,
    "addresstokennftbalance": addresstokennftbalance,
    "addresstokennftinventory": addresstokennftinventory,
    "tokenlist": tokenlist,
    "getminedblocks": getminedblocks,
    "listaccounts": listaccounts,
    "pendingtxlist": pendingtxlist,
}
