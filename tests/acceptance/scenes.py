"""What happens on the node while it is indexed: one function per kind of contract or envelope.

Together they hold every transaction type up to 4, success, revert, exhaustion and failed creation,
empty blocks and full ones, and events of every ERC standard the explorer will decode.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any, cast

import rlp
from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3 import Web3

from tests.acceptance.contracts import OPENZEPPELIN, UNISWAP, Chain

# anvil's published development mnemonic; its accounts hold nothing anywhere else.
MNEMONIC = "test test test test test test test test test test test junk"
GWEI = 10**9
ETHER = 10**18
NOBODY = "0x000000000000000000000000000000000000dEaD"


def play_all(chain: Chain) -> None:
    """Every scene once but the blobs, each in blocks of its own."""
    erc20(chain)
    erc721(chain)
    erc1155(chain)
    proxies(chain)
    uniswap(chain)
    failures(chain)
    envelopes(chain)
    delegation(chain)
    chain.mine(3)
    crowd(chain)


def erc20(chain: Chain) -> None:
    owner, friend, spender = chain.accounts[:3]
    fixed = chain.deploy(OPENZEPPELIN, "ERC20PresetFixedSupply", "Fixed", "FIX", 10**24, owner)
    chain.succeed(fixed.functions.transfer(friend, 5 * ETHER))
    chain.succeed(fixed.functions.burn(ETHER))
    minted = chain.deploy(OPENZEPPELIN, "ERC20PresetMinterPauser", "Minted", "MNT")
    chain.succeed(minted.functions.mint(friend, 100 * ETHER))
    chain.succeed(minted.functions.approve(spender, 2**256 - 1), account=1)
    chain.succeed(minted.functions.transferFrom(friend, NOBODY, 7), account=2)
    chain.succeed(minted.functions.pause())
    chain.fail(minted.functions.transfer(owner, 1), account=1)
    chain.succeed(minted.functions.unpause())


def erc721(chain: Chain) -> None:
    owner, friend = chain.accounts[:2]
    nft = chain.deploy(OPENZEPPELIN, "ERC721PresetMinterPauserAutoId", "Deed", "DEED", "https://example.org/")
    with chain.one_block():
        for _ in range(4):
            chain.send(nft.functions.mint(owner))
    chain.succeed(nft.functions.transferFrom(owner, friend, 0))
    chain.succeed(nft.functions.approve(friend, 1))
    chain.succeed(nft.functions.setApprovalForAll(friend, True))
    chain.succeed(nft.functions.burn(2))
    chain.fail(nft.functions.transferFrom(owner, friend, 0))


def erc1155(chain: Chain) -> None:
    owner, friend = chain.accounts[:2]
    items = chain.deploy(OPENZEPPELIN, "ERC1155PresetMinterPauser", "https://example.org/{id}")
    chain.succeed(items.functions.mint(owner, 1, 50, b""))
    chain.succeed(items.functions.mintBatch(owner, [2, 3, 2**255], [10, 20, 2**200], b"batch"))
    chain.succeed(items.functions.safeTransferFrom(owner, friend, 1, 5, b""))
    chain.succeed(items.functions.safeBatchTransferFrom(owner, friend, [2, 3], [1, 2], b"\x00\xff"))
    chain.succeed(items.functions.burnBatch(owner, [2, 3], [1, 1]))


def proxies(chain: Chain) -> None:
    """The three proxies of EIP-1967: plain, upgraded through its admin, and behind a beacon."""
    first = chain.deploy(OPENZEPPELIN, "ERC20PresetFixedSupply", "One", "ONE", 1, chain.accounts[0])
    second = chain.deploy(OPENZEPPELIN, "ERC20PresetMinterPauser", "Two", "TWO")
    chain.deploy(OPENZEPPELIN, "ERC1967Proxy", first.address, b"")

    admin = chain.accounts[9]
    proxy = chain.deploy(OPENZEPPELIN, "TransparentUpgradeableProxy", first.address, admin, b"")
    seen_by_admin = chain.contract(OPENZEPPELIN, "ITransparentUpgradeableProxy", proxy.address)
    chain.succeed(seen_by_admin.functions.upgradeTo(second.address), account=9)
    through_proxy = chain.contract(OPENZEPPELIN, "ERC20PresetFixedSupply", proxy.address)
    chain.succeed(through_proxy.functions.approve(NOBODY, 11))

    beacon = chain.deploy(OPENZEPPELIN, "UpgradeableBeacon", first.address)
    behind = chain.deploy(OPENZEPPELIN, "BeaconProxy", beacon.address, b"")
    chain.succeed(beacon.functions.upgradeTo(second.address))
    through_beacon = chain.contract(OPENZEPPELIN, "ERC20PresetFixedSupply", behind.address)
    chain.succeed(through_beacon.functions.approve(NOBODY, 12))


def uniswap(chain: Chain) -> None:
    """A pair is a contract created by a contract; a swap emits four events of three contracts."""
    owner = chain.accounts[0]
    tokens = [
        chain.deploy(OPENZEPPELIN, "ERC20PresetFixedSupply", name, name, 10**24, owner)
        for name in ("AAA", "BBB")
    ]
    factory = chain.deploy(UNISWAP, "UniswapV2Factory", owner)
    chain.succeed(factory.functions.createPair(tokens[0].address, tokens[1].address))
    address = factory.functions.getPair(tokens[0].address, tokens[1].address).call()
    pair = chain.contract(UNISWAP, "UniswapV2Pair", address)
    with chain.one_block():
        for token in tokens:
            chain.send(token.functions.transfer(address, 1000 * ETHER))
        chain.send(pair.functions.mint(owner))
    incoming = next(token for token in tokens if token.address == pair.functions.token0().call())
    chain.succeed(incoming.functions.transfer(address, 10 * ETHER))
    chain.succeed(pair.functions.swap(0, 9 * ETHER, owner, b""))
    chain.fail(pair.functions.swap(0, 900 * ETHER, owner, b""))
    chain.succeed(pair.functions.transfer(address, ETHER))
    chain.succeed(pair.functions.burn(owner))
    chain.succeed(pair.functions.sync())


def failures(chain: Chain) -> None:
    """Revert with a reason, revert deep inside, exhaustion, and two ways for a creation to fail."""
    stranger, friend = chain.accounts[3], chain.accounts[1]
    token = chain.deploy(OPENZEPPELIN, "ERC20PresetMinterPauser", "Fails", "FAIL")
    chain.fail(token.functions.transfer(friend, 1), account=3)
    chain.fail(token.functions.mint(stranger, 1), account=3)
    chain.fail(token.functions.mint(friend, 1), gas=30_000)
    invalid_opcode, revert_at_once = "0xfe", "0x60006000fd"
    for creation_code in (invalid_opcode, revert_at_once):
        transaction_hash = chain.web3.eth.send_transaction(
            chain.sent_from(0, data=creation_code, gas=100_000)
        )
        receipt = chain.mined(transaction_hash)
        assert receipt["status"] == 0, f"creation {creation_code} was meant to fail: {receipt!r}"


def envelopes(chain: Chain) -> None:
    """Legacy with and without EIP-155, EIP-2930 with an access list, EIP-1559."""
    friend = chain.accounts[1]
    price = _price(chain)
    slots = [{"address": NOBODY, "storageKeys": [f"0x{slot:064x}" for slot in (0, 1, 2**255)]}]
    _send_signed(chain, 4, {"to": friend, "value": 3, "gas": 50_000, "gasPrice": price})
    _send_signed(chain, 4, {"to": friend, "value": 4, "gas": 50_000, "gasPrice": price}, chain_id=None)
    _send_signed(
        chain,
        4,
        {
            "type": 1,
            "to": friend,
            "value": 5,
            "gas": 90_000,
            "gasPrice": price,
            "accessList": slots,
            "data": "0x00ff",
        },
    )
    _send_signed(
        chain, 4, {**_fees(chain), "type": 2, "to": friend, "value": 6, "gas": 90_000, "accessList": slots}
    )
    _send_signed(
        chain,
        4,
        {**_fees(chain), "type": 2, "to": friend, "value": 0, "gas": 90_000, "data": "0x" + "5a" * 1000},
    )


def blobs(chain: Chain) -> None:
    """EIP-4844: a transaction whose blobs are paid for in a currency of their own.

    anvil 1.7.1 computes the block's transactionsRoot over the blobs as well, which EIP-4844 does not:
    a root that is wrong at the source, so that full checks must refuse the block.
    """
    receipt = chain.mined(chain.web3.eth.send_raw_transaction(_signed_blobs(chain.accounts[1])))
    assert receipt["status"] == 1, f"blob transaction failed: {receipt!r}"


def delegation(chain: Chain) -> None:
    """EIP-7702: an account delegates to a contract, in a transaction sent by another."""
    target = chain.deploy(OPENZEPPELIN, "ERC20PresetFixedSupply", "Code", "CODE", 1, chain.accounts[0])
    delegating, sender = _signer(7), 6
    authorization = delegating.sign_authorization(
        {
            "chainId": chain.web3.eth.chain_id,
            "address": target.address,
            "nonce": chain.web3.eth.get_transaction_count(delegating.address),
        }
    )
    _send_signed(
        chain,
        sender,
        {
            **_fees(chain),
            "type": 4,
            "to": delegating.address,
            "value": 0,
            "data": "0x313ce567",  # decimals(), answered by the code the account now delegates to
            "gas": 200_000,
            "authorizationList": [authorization],
        },
    )


def crowd(chain: Chain, transactions: int = 24) -> None:
    """One block with many transactions of several senders, some of which fail."""
    token = chain.deploy(OPENZEPPELIN, "ERC20PresetMinterPauser", "Crowd", "CRW")
    chain.succeed(token.functions.mint(chain.accounts[2], 10**6))
    with chain.one_block():
        for index in range(transactions):
            account = 2 + index % 3
            chain.send(token.functions.transfer(chain.accounts[8], index + 1), account=account)


def _signer(account: int) -> LocalAccount:
    Account.enable_unaudited_hdwallet_features()
    return cast("LocalAccount", Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{account}"))


def _signed_blobs(to: str) -> bytes:
    """In the form of EIP-7594 that goes over the wire: what is signed, its blobs, and what proves them.

    Each blob is a polynomial that has one value everywhere: its commitment is known without the KZG setup,
    and every proof is the point at infinity. The node computes both and refuses what does not fit.
    """
    hashes = [b"\x01" + sha256(commitment).digest()[1:] for commitment in _BLOBS.values()]
    fields: dict[str, Any] = {
        "type": 3,
        "chainId": 31337,
        "nonce": 0,
        "to": to,
        "value": 0,
        "gas": 100_000,
        "maxFeePerGas": 100 * GWEI,
        "maxPriorityFeePerGas": GWEI,
        "maxFeePerBlobGas": 10 * GWEI,
        "blobVersionedHashes": hashes,
    }
    signed = rlp.decode(bytes(_signer(5).sign_transaction(fields).raw_transaction)[1:])
    proofs = [_INFINITY] * (_CELLS_PER_BLOB * len(_BLOBS))
    return b"\x03" + bytes(rlp.encode([signed, b"\x01", list(_BLOBS), list(_BLOBS.values()), proofs]))


_CELLS_PER_BLOB = 128
# Compressed points of BLS12-381: infinity, and the generator of G1.
_INFINITY = b"\xc0" + bytes(47)
_GENERATOR = bytes.fromhex(
    "97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb"
)
_BLOBS = {bytes(4096 * 32): _INFINITY, (bytes(31) + b"\x01") * 4096: _GENERATOR}
"""Each with its commitment: 0 everywhere, 1 everywhere."""


def _send_signed(chain: Chain, account: int, fields: dict[str, Any], *, chain_id: int | None = 31337) -> None:
    """Sign in the test, by eth-account, so that the envelope is exactly the one asked for."""
    signer = _signer(account)
    transaction = {**fields, "nonce": chain.web3.eth.get_transaction_count(signer.address)}
    if chain_id is not None:
        transaction["chainId"] = chain_id
    signed = signer.sign_transaction(transaction)
    receipt = chain.mined(chain.web3.eth.send_raw_transaction(signed.raw_transaction))
    assert receipt["status"] == 1, f"type {fields.get('type', 0)} failed: {receipt!r}"


def _price(chain: Chain) -> int:
    return 2 * int(chain.web3.eth.gas_price)


def _fees(chain: Chain) -> dict[str, int]:
    return {"maxFeePerGas": _price(chain), "maxPriorityFeePerGas": GWEI}


def transfer_bytes(chain: Chain, value: int) -> dict[str, str]:
    """A payment in the form that `anvil_reorg` takes for the replacing branch."""
    return {"from": chain.accounts[0], "to": NOBODY, "value": Web3.to_hex(value)}
