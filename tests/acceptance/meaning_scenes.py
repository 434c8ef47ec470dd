"""A chain whose meaning is known: tokens of every standard, odd ones, proxies that change, and children.

Five scenes that are played in order on one node. What they leave is asked of the contracts, never assumed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from eth_typing import ChecksumAddress
from eth_utils.crypto import keccak
from web3.contract import Contract
from web3.contract.contract import ContractFunction

from tests.acceptance import bytecode
from tests.acceptance.contracts import GAS_LIMIT, OPENZEPPELIN, UNISWAP, Chain, artifact
from tests.acceptance.meaning_cast import LABEL, NOTES_ONE, NOTES_TWO, WORD_NAME, WORD_SYMBOL, Cast, notes_abi
from tests.acceptance.scenes import ETHER, GWEI, NOBODY

OWNER, FRIEND, SPENDER, SHOP, TWIN, PAYEE, ADMIN = 0, 1, 2, 3, 4, 5, 9


def found(chain: Chain) -> Cast:
    """Every contract comes into being, most of them with their first events."""
    owner, friend = chain.accounts[OWNER], chain.accounts[FRIEND]
    fixed = chain.deploy(OPENZEPPELIN, "ERC20PresetFixedSupply", "Fixed", "FIX", 10**24, owner)
    minted = chain.deploy(OPENZEPPELIN, "ERC20PresetMinterPauser", "Mïnted", "MNT")
    chain.succeed(minted.functions.mint(friend, 100 * ETHER))
    behind_token = chain.deploy(OPENZEPPELIN, "ERC1967Proxy", fixed.address, b"")
    word = create(
        chain,
        bytecode.odd_token(
            5 * ETHER,
            {
                "name": WORD_NAME,
                "symbol": WORD_SYMBOL,
                "decimals": _number(18),
                "totalSupply": _number(5 * ETHER),
            },
        ),
    )
    mute = create(chain, bytecode.odd_token(1000, {}))
    lies = {
        "name": _number(32) + _number(2**255) + b"short",  # a length beyond any memory
        "symbol": _number(32) + _number(7) + b"\xff\x00a\nb\xe2\x80",  # neither UTF-8 nor printable
        "decimals": _number(2**200),
        "totalSupply": b"",
    }
    liar = create(chain, bytecode.odd_token(77, lies))
    deed = chain.deploy(
        OPENZEPPELIN, "ERC721PresetMinterPauserAutoId", "Deed", "DEED", "https://example.org/"
    )
    items = chain.deploy(OPENZEPPELIN, "ERC1155PresetMinterPauser", "https://example.org/{id}")

    two = chain.deploy(OPENZEPPELIN, "PaymentSplitter", [chain.accounts[PAYEE]], [1])
    plain = chain.deploy(OPENZEPPELIN, "ERC1967Proxy", two.address, b"").address
    payees = [chain.accounts[PAYEE], plain, mute]  # the last one refuses money
    one = chain.deploy(OPENZEPPELIN, "PaymentSplitter", payees, [5, 3, 2])
    notes_one = create(chain, bytecode.noting(NOTES_ONE))
    notes_two = create(chain, bytecode.noting(NOTES_TWO, keccak(text=LABEL)))
    beacon = chain.deploy(OPENZEPPELIN, "UpgradeableBeacon", one.address)
    cast = Cast(
        fixed=fixed,
        minted=minted,
        behind_token=chain.contract(OPENZEPPELIN, "ERC20PresetFixedSupply", behind_token.address),
        word=chain.contract(OPENZEPPELIN, "ERC20", word),
        mute=chain.contract(OPENZEPPELIN, "ERC20", mute),
        liar=chain.contract(OPENZEPPELIN, "ERC20", liar),
        deed=deed,
        items=items,
        splitter_one=one,
        splitter_two=two,
        notes_one=notes_one,
        notes_two=notes_two,
        plain=plain,
        transparent=chain.deploy(
            OPENZEPPELIN, "TransparentUpgradeableProxy", one.address, chain.accounts[ADMIN], b""
        ).address,
        uups=chain.deploy(OPENZEPPELIN, "ERC1967Proxy", notes_one, b"").address,
        beacon=beacon,
        behind=chain.deploy(OPENZEPPELIN, "BeaconProxy", beacon.address, b"").address,
        clone=create(chain, bytecode.clone(one.address)),
        factory=chain.deploy(UNISWAP, "UniswapV2Factory", owner),
    )
    return with_pair(chain, cast, fixed, minted)


def trade(chain: Chain, cast: Cast) -> Cast:
    """Everything moves; a transparent proxy becomes another contract in the middle of a block."""
    owner, friend, shop = (chain.accounts[account] for account in (OWNER, FRIEND, SHOP))
    fixed, minted, deed, items = cast.fixed, cast.minted, cast.deed, cast.items
    chain.succeed(fixed.functions.transfer(friend, 5 * ETHER))
    chain.succeed(fixed.functions.transfer(owner, 3))  # to itself
    chain.succeed(fixed.functions.transfer(shop, 0))
    chain.succeed(fixed.functions.burn(ETHER))
    chain.succeed(minted.functions.approve(chain.accounts[SPENDER], 2**256 - 1), account=FRIEND)
    chain.succeed(minted.functions.transferFrom(friend, NOBODY, 7), account=SPENDER)
    chain.succeed(minted.functions.transfer(shop, 93 * ETHER), account=FRIEND)
    chain.succeed(minted.functions.pause())
    chain.fail(minted.functions.transfer(owner, 1), account=FRIEND)
    chain.succeed(minted.functions.unpause())
    chain.succeed(cast.behind_token.functions.transfer(friend, 0))
    for token in cast.odd:
        chain.succeed(token.functions.transfer(friend, 7))
    chain.succeed(cast.word.functions.transfer(shop, 7), account=FRIEND)  # all that it has

    with chain.one_block():
        for _ in range(4):
            chain.send(deed.functions.mint(owner))
    chain.succeed(deed.functions.transferFrom(owner, friend, 0))
    chain.succeed(deed.functions.transferFrom(friend, shop, 0), account=FRIEND)
    chain.succeed(deed.functions.setApprovalForAll(friend, True))
    chain.succeed(deed.functions.burn(2))
    chain.succeed(items.functions.mint(owner, 1, 50, b""))
    chain.succeed(items.functions.mintBatch(owner, [2, 3, 2**255], [10, 20, 2**200], b"batch"))
    chain.succeed(items.functions.mintBatch(shop, [3, 3], [1, 2], b""))  # one id twice
    chain.succeed(items.functions.mintBatch(shop, [], [], b""))
    chain.succeed(items.functions.safeTransferFrom(owner, friend, 1, 5, b""))
    chain.succeed(items.functions.safeBatchTransferFrom(owner, friend, [2, 3], [10, 2], b"\x00\xff"))
    chain.succeed(items.functions.burnBatch(owner, [3, 2**255], [1, 1]))
    chain.succeed(items.functions.burn(friend, 1, 5), account=FRIEND)

    for address in (cast.splitter_one.address, cast.plain, cast.transparent, cast.behind, cast.clone):
        pay(chain, address, ETHER)
    note(chain, cast, 1)
    admin = chain.contract(OPENZEPPELIN, "ITransparentUpgradeableProxy", cast.transparent)
    approve = minted.encode_abi("approve", [NOBODY, 11])
    with chain.one_block():
        pay(chain, cast.transparent, 2, priority=9)
        chain.send(
            admin.functions.upgradeToAndCall(minted.address, approve), account=ADMIN, **_fees(priority=6)
        )
        through = chain.contract(OPENZEPPELIN, "ERC20PresetMinterPauser", cast.transparent)
        chain.send(through.functions.approve(NOBODY, 12), account=SPENDER, **_fees(priority=3))
    _liquidity(chain, cast.pairs[0], cast.fixed, cast.minted, 50 * ETHER, ETHER // 2)
    pair = cast.pairs[0]
    incoming = fixed if pair.functions.token0().call() == fixed.address else minted
    chain.succeed(incoming.functions.transfer(pair.address, 10**9), account=_holder(chain, incoming))
    chain.succeed(pair.functions.swap(0, 10**6, owner, b""))
    chain.succeed(pair.functions.transfer(pair.address, 10**6))
    chain.succeed(pair.functions.burn(owner))
    return cast


def follow(chain: Chain, cast: Cast) -> Cast:
    """Upgrades of each kind between payments in one block; a pair that trades in the block that made it."""
    with chain.one_block():
        pay(chain, cast.behind, 3)
        chain.send(cast.beacon.functions.upgradeTo(cast.splitter_two.address))
        pay(chain, cast.behind, 4)
        chain.send(_as_uups(chain, cast, "note", 5))
        chain.send(_as_uups(chain, cast, "upgradeTo", cast.notes_two))
        chain.send(_as_uups(chain, cast, "note", 6))
        pay(chain, cast.clone, 7)
    admin = chain.contract(OPENZEPPELIN, "ITransparentUpgradeableProxy", cast.transparent)
    chain.succeed(admin.functions.upgradeTo(cast.splitter_two.address), account=ADMIN)
    pay(chain, cast.transparent, 8)

    tokens = (cast.fixed, cast.behind_token)
    create_pair = cast.factory.functions.createPair(tokens[0].address, tokens[1].address)
    pair = chain.contract(UNISWAP, "UniswapV2Pair", create_pair.call())
    with chain.one_block():
        chain.send(create_pair)
        chain.send(cast.fixed.functions.transfer(pair.address, 10**6))
        chain.send(pair.functions.skim(chain.accounts[SHOP]))
        chain.send(pair.functions.sync())

    splitter = cast.splitter_one
    chain.succeed(splitter.functions.release(chain.accounts[PAYEE]))
    chain.succeed(splitter.functions.release(cast.plain), account=FRIEND)
    chain.fail(splitter.functions.release(cast.mute.address))
    return replace(cast, pairs=(*cast.pairs, pair))


def lose(chain: Chain, cast: Cast) -> Cast:
    """Four blocks that will not last; a contract among them comes back as another at the same address."""
    owner, shop = chain.accounts[OWNER], chain.accounts[SHOP]
    compiled = artifact(OPENZEPPELIN, "ERC20PresetFixedSupply")
    creation = chain.web3.eth.contract(abi=compiled["abi"], bytecode=compiled["bytecode"])
    constructor = creation.constructor("Lost", "LST", 10**6, owner)
    address = chain.mined(constructor.transact(chain.sent_from(TWIN)))["contractAddress"]
    assert address is not None
    twin = chain.contract(OPENZEPPELIN, "ERC20PresetFixedSupply", address)
    with chain.one_block():
        chain.send(twin.functions.transfer(shop, 10))
        chain.send(cast.deed.functions.mint(owner))
        chain.send(cast.deed.functions.burn(1))
        chain.send(cast.items.functions.mint(shop, 9, 9, b""))
        chain.send(cast.fixed.functions.transfer(NOBODY, 99))
    with chain.one_block():
        chain.send(cast.beacon.functions.upgradeTo(cast.splitter_one.address))
        pay(chain, cast.behind, 10)
        chain.send(_as_uups(chain, cast, "upgradeTo", cast.notes_one))
        chain.send(_as_uups(chain, cast, "note", 11))
    with chain.one_block():
        chain.send(cast.factory.functions.createPair(cast.minted.address, cast.word.address))
        create(chain, bytecode.clone(cast.splitter_two.address), mined=False)
        chain.send(cast.splitter_two.functions.release(chain.accounts[PAYEE]))
    return replace(cast, twins=(twin,))


# As many as `lose` makes.
LOST_BLOCKS = 4


def branch(chain: Chain, cast: Cast) -> list[Any]:
    """What stands in those blocks instead, in the form that `anvil_reorg` takes."""
    friend, shop = chain.accounts[FRIEND], chain.accounts[SHOP]
    other_twin = artifact(OPENZEPPELIN, "ERC1155PresetMinterPauser")
    factory = chain.web3.eth.contract(abi=other_twin["abi"], bytecode=other_twin["bytecode"])
    creation = factory.constructor("ipfs://other/").data_in_transaction

    def sends(account: int, call: ContractFunction) -> dict[str, Any]:
        return _raw(chain, account, call.address, call._encode_transaction_data())

    return [
        [_raw(chain, TWIN, None, creation), 0],
        [sends(OWNER, cast.fixed.functions.transfer(friend, 123)), 0],
        [sends(OWNER, cast.deed.functions.mint(shop)), 1],
        [sends(OWNER, cast.items.functions.mintBatch(friend, [7, 1], [70, 10], b"")), 1],
        [sends(FRIEND, cast.word.functions.transfer(shop, 0)), 1],
        [sends(OWNER, cast.factory.functions.createPair(cast.minted.address, cast.word.address)), 2],
        [_raw(chain, SPENDER, cast.clone, "0x", value=77), 2],
        [_raw(chain, SPENDER, cast.behind, "0x", value=78), 3],
        [sends(OWNER, _as_uups(chain, cast, "note", 12)), 3],
    ]


def replaced(chain: Chain, cast: Cast, lost: Cast) -> Cast:
    """Who is there after the reorg: `cast` of the common ancestor, and what the new branch made."""
    address = cast.factory.functions.getPair(cast.minted.address, cast.word.address).call()
    pair = chain.contract(UNISWAP, "UniswapV2Pair", address)
    twin = chain.contract(OPENZEPPELIN, "ERC1155PresetMinterPauser", lost.twins[0].address)
    return replace(cast, pairs=(*cast.pairs, pair), twins=(twin,))


def resume(chain: Chain, cast: Cast) -> Cast:
    """What came back at the lost token's address is used, and so is everything else."""
    owner, shop = chain.accounts[OWNER], chain.accounts[SHOP]
    pair, twin = cast.pairs[-1], cast.twins[0]
    chain.succeed(twin.functions.mintBatch(shop, [1, 2], [3, 4], b""), account=TWIN)
    _liquidity(chain, pair, cast.minted, cast.word, ETHER // 10, ETHER)
    chain.succeed(cast.deed.functions.transferFrom(owner, shop, 3))
    chain.succeed(cast.minted.functions.mint(chain.accounts[ADMIN], 1))
    for target in (cast.behind, cast.transparent, cast.plain, cast.clone):
        pay(chain, target, 13)
    note(chain, cast, 14)
    return cast


def create(chain: Chain, creation_code: str, *, mined: bool = True) -> ChecksumAddress:
    """A contract by its creation code alone; the address is known once it is mined."""
    sent = chain.web3.eth.send_transaction(chain.sent_from(OWNER, data=creation_code))
    if not mined:
        return chain.web3.to_checksum_address(NOBODY)
    receipt = chain.mined(bytes(sent))
    address = receipt["contractAddress"]
    assert address is not None, f"was not created: {receipt!r}"
    assert receipt["status"] == 1, f"was not created: {receipt!r}"
    return address


def pay(chain: Chain, to: str, value: int, priority: int | None = None) -> None:
    fields = {} if priority is None else _fees(priority)
    chain.web3.eth.send_transaction(chain.sent_from(OWNER, to=to, value=value, **fields))


def note(chain: Chain, cast: Cast, amount: int) -> None:
    chain.succeed(_as_uups(chain, cast, "note", amount))


def with_pair(chain: Chain, cast: Cast, first: Contract, second: Contract) -> Cast:
    chain.succeed(cast.factory.functions.createPair(first.address, second.address))
    address = cast.factory.functions.getPair(first.address, second.address).call()
    return replace(cast, pairs=(*cast.pairs, chain.contract(UNISWAP, "UniswapV2Pair", address)))


def _liquidity(
    chain: Chain, pair: Contract, first: Contract, second: Contract, amount: int, other: int
) -> None:
    with chain.one_block():
        chain.send(first.functions.transfer(pair.address, amount), account=_holder(chain, first))
        chain.send(second.functions.transfer(pair.address, other), account=_holder(chain, second))
    chain.succeed(pair.functions.mint(chain.accounts[OWNER]))


def _holder(chain: Chain, token: Contract) -> int:
    balances = [token.functions.balanceOf(account).call() for account in chain.accounts]
    return balances.index(max(balances))


def _as_uups(chain: Chain, cast: Cast, function: str, argument: Any) -> ContractFunction:
    contract = chain.web3.eth.contract(address=cast.uups, abi=notes_abi(NOTES_ONE, "who"))
    call: ContractFunction = contract.functions[function](argument)
    return call


def _raw(chain: Chain, account: int, to: str | None, data: str, value: int = 0) -> dict[str, Any]:
    fields = {"from": chain.accounts[account], "gas": hex(GAS_LIMIT), "input": data, "value": hex(value)}
    return fields if to is None else {**fields, "to": to}


def _fees(priority: int) -> dict[str, int]:
    return {"maxFeePerGas": 100 * GWEI, "maxPriorityFeePerGas": priority * GWEI}


def _number(value: int) -> bytes:
    return value.to_bytes(32, "big")
