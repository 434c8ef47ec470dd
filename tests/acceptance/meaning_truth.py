"""What contracts and the node answer about one block, in the form in which the database is read beside it.

web3 asks and web3 decodes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from eth_typing import ChecksumAddress
from eth_utils.crypto import keccak
from web3.contract import Contract
from web3.exceptions import Web3Exception

from tests.acceptance.meaning_cast import WORD_NAME, WORD_SYMBOL, Cast
from tests.acceptance.meaning_node import ZERO, Key, Node, Row, Seen, octets, people, placed

TRANSFER = keccak(text="Transfer(address,address,uint256)")
SINGLE = keccak(text="TransferSingle(address,address,address,uint256,uint256)")
BATCH = keccak(text="TransferBatch(address,address,address,uint256[],uint256[])")
_CLONE = bytes.fromhex("363d3d373d3d3d363d73")


def balances(node: Node, cast: Cast, block: int) -> dict[Key, int]:
    """Who has how much of what, above nothing; the zero address is nobody."""
    transactions = node.seen(block)
    holders = sorted(people(transactions) - {ZERO})
    found: dict[Key, int] = {}
    for token in _existing(node, cast.erc20, block):
        address = octets(token.address)
        answers = node.each([_call(token, "balanceOf", block, node.text(holder)) for holder in holders])
        found |= {(address, 20, holder, 0): had for holder, had in zip(holders, answers, strict=True) if had}
    for token_id, owner in owners(node, cast, block).items():
        found[octets(cast.deed.address), 721, owner, token_id] = 1
    for token in _existing(node, cast.erc1155, block):
        address = octets(token.address)
        pairs = [(holder, each) for holder in holders for each in _ids(transactions, token)]
        answers = token.functions.balanceOfBatch(
            [node.text(holder) for holder, _ in pairs], [each for _, each in pairs]
        ).call(block_identifier=block)
        found |= {
            (address, 1155, holder, each): had
            for (holder, each), had in zip(pairs, answers, strict=True)
            if had
        }
    return found


def owners(node: Node, cast: Cast, block: int) -> dict[int, bytes]:
    """The owner of each NFT, by its id."""
    deed = cast.deed
    if not _existing(node, [deed], block):
        return {}
    count = deed.functions.totalSupply().call(block_identifier=block)
    ids = node.each([_call(deed, "tokenByIndex", block, index) for index in range(count)])
    return dict(
        zip(ids, map(octets, node.each([_call(deed, "ownerOf", block, each) for each in ids])), strict=True)
    )


def tokens(node: Node, cast: Cast, held: Mapping[Key, int], block: int) -> dict[Key, tuple[int, int, int]]:
    """Holders, what is there, and transfers of each contract that has moved tokens; `held` are its balances."""
    moved = _transfers(node, cast, block)
    found = {}
    for (address, standard), transfers in moved.items():
        mine = {key: had for key, had in held.items() if key[:2] == (address, standard)}
        supply = _supply(node, cast, address, block)
        found[address, standard] = (
            len({key[2] for key in mine}),
            sum(mine.values()) if supply is None else supply,
            transfers,
        )
    return found


def _supply(node: Node, cast: Cast, address: bytes, block: int) -> int | None:
    """totalSupply without what the zero address has, as Uniswap's first liquidity; None: it does not say."""
    token = next(each for each in (*cast.erc20, cast.deed, *cast.erc1155) if octets(each.address) == address)
    supply: int | None = _asked(token, "totalSupply", block)
    if supply is None or token is cast.deed:
        return supply
    nobody: int = token.functions.balanceOf(node.text(ZERO)).call(block_identifier=block)
    return supply - nobody


def _transfers(node: Node, cast: Cast, block: int) -> Counter[Key]:
    found: Counter[Key] = Counter()
    deed = octets(cast.deed.address)
    items = cast.items.events
    for each in node.seen(block):
        for log in each.receipt["logs"]:
            address, topic0 = octets(log["address"]), bytes(log["topics"][0])
            if topic0 == TRANSFER:
                found[address, 721 if address == deed else 20] += 1
            elif topic0 == SINGLE:
                found[address, 1155] += 1
            elif topic0 == BATCH:
                found[address, 1155] += len(items.TransferBatch().process_log(log)["args"]["ids"])
    return +found


def metadata(cast: Cast, addresses: Mapping[bytes, int]) -> dict[bytes, Row]:
    """What each token says of itself at the block beside it."""
    found = {}
    for token in (*cast.erc20, cast.deed, *cast.erc1155):
        address = octets(token.address)
        if (block := addresses.get(address)) is None:
            continue
        said = {
            name: _asked(token, function, block)
            for name, function in (
                ("name", "name"),
                ("symbol", "symbol"),
                ("decimals", "decimals"),
                ("total_supply", "totalSupply"),
            )
        }
        found[address] = {**said, "state": "read"}
    words = {"name": WORD_NAME.rstrip(b"\0").decode(), "symbol": WORD_SYMBOL.rstrip(b"\0").decode()}
    shown = "\N{REPLACEMENT CHARACTER}"
    found[octets(cast.word.address)] |= words
    found[octets(cast.mute.address)] |= {"state": "reverted"}
    # Bytes that are no character, one that cannot be seen, and the beginning of one.
    found[octets(cast.liar.address)] |= {"symbol": f"{shown}{shown}a{shown}b{shown}", "state": "partial"}
    return found


def _ids(transactions: Iterable[Seen], token: Contract) -> list[int]:
    found: set[int] = set()
    for each in transactions:
        for log in each.receipt["logs"]:
            if log["address"] != token.address:
                continue
            if bytes(log["topics"][0]) == SINGLE:
                found.add(token.events.TransferSingle().process_log(log)["args"]["id"])
            elif bytes(log["topics"][0]) == BATCH:
                found |= set(token.events.TransferBatch().process_log(log)["args"]["ids"])
    return sorted(found)


def _existing(node: Node, contracts: Iterable[Contract], block: int) -> list[Contract]:
    return [each for each in contracts if node.chain.web3.eth.get_code(each.address, block)]


def _asked(token: Contract, function: str, block: int) -> Any:
    try:
        return token.functions[function]().call(block_identifier=block)
    except (Web3Exception, AttributeError, UnicodeDecodeError, OverflowError):
        return None


def _call(contract: Contract, function: str, block: int, *arguments: Any) -> Any:
    return lambda: contract.functions[function](*arguments).call(block_identifier=block)


def addresses(node: Node, block: int) -> dict[bytes, Row]:
    """Everyone who took part: nonce of those who sent, whether it is a contract, and who made it where."""
    transactions = node.seen(block)
    taking_part: set[bytes] = set()
    made: dict[bytes, tuple[bytes, int, int]] = {}
    for each in transactions:
        taking_part.add(octets(each.transaction["from"]))
        if each.transaction.get("to"):
            taking_part.add(octets(each.transaction["to"]))
        if each.created is not None:
            made[each.created] = (octets(each.transaction["from"]), each.block, each.index)
        for log in each.receipt["logs"]:
            taking_part.add(octets(log["address"]))
            topics = [bytes(topic) for topic in log["topics"]]
            if topics[0] in {TRANSFER, SINGLE}:
                taking_part |= {topic[12:] for topic in topics[-2:] if topics[0] == SINGLE}
                taking_part |= {topic[12:] for topic in topics[1:3] if topics[0] == TRANSFER}
            elif topics[0] == BATCH and any(octets(log["data"])[64:96]):  # an empty one moves nothing
                taking_part |= {topic[12:] for topic in topics[2:]}
    everyone = sorted((taking_part | made.keys()) - {ZERO})
    eth = node.chain.web3.eth
    nonces = node.each([lambda a=each: eth.get_transaction_count(node.text(a), block) for each in everyone])
    codes = node.each([lambda a=each: eth.get_code(node.text(a), block) for each in everyone])
    return {
        address: {
            "nonce": nonce if nonce and not code else None,
            "sent_count": 0 if code else nonce,
            "is_contract": bool(code),
            "created_by": made.get(address),
        }
        for address, nonce, code in zip(everyone, nonces, codes, strict=True)
    }


def native_balances(node: Node, of: Iterable[bytes], block: int) -> dict[bytes, int]:
    eth, everyone = node.chain.web3.eth, sorted(of)
    answers = node.each([lambda a=each: eth.get_balance(node.text(a), block) for each in everyone])
    return dict(zip(everyone, answers, strict=True))


def codes(node: Node, of: Iterable[bytes], block: int) -> dict[bytes, Row]:
    """What stands at addresses, and what a clone is one of."""
    eth, everyone = node.chain.web3.eth, sorted(of)
    answers = node.each([lambda a=each: eth.get_code(node.text(a), block) for each in everyone])
    found = {}
    for address, code in zip(everyone, map(bytes, answers), strict=True):
        original = code[10:30] if code.startswith(_CLONE) else None
        found[address] = {
            "kind": "clone" if original else "contract" if code else "none",
            "code_hash": keccak(code),
            "code_size": len(code),
            "clone_of": original,
        }
    return found


def received(node: Node, block: int) -> Counter[bytes]:
    """What transactions themselves, and not calls within them, have brought to each address."""
    found: Counter[bytes] = Counter()
    for each in node.seen(block):
        to = each.transaction.get("to") or each.receipt.get("contractAddress")
        if each.receipt["status"]:
            found[octets(to)] += each.transaction["value"]
    return found


def internal_transfers(node: Node, block: int) -> dict[Key, Row]:
    """Calls below the transaction's own that moved value or created, by place."""
    found = {}
    for each in node.seen(block):
        for place, frame, fails in placed(each.trace, ()):
            kind, value = frame["type"].lower(), int(frame.get("value", "0x0"), 16)
            if place and (kind.startswith("create") or (kind == "call" and value)):
                found[each.block, each.index, place] = {
                    "type": "create" if kind.startswith("create") else "call",
                    "from_address": octets(frame["from"]),
                    "to_address": octets(frame["to"]) if frame.get("to") else None,
                    "value": value,
                    "failed": fails,
                }
    return found


def implementations(
    node: Node, proxies: Iterable[ChecksumAddress], slot: int, block: int
) -> dict[bytes, bytes]:
    """What stands in the slot of EIP-1967 of each proxy."""
    eth = node.chain.web3.eth
    found = {octets(each): bytes(eth.get_storage_at(each, slot, block))[12:] for each in proxies}
    return {proxy: target for proxy, target in found.items() if any(target)}
