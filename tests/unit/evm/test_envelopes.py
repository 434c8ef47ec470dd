from typing import Any

import pytest
import rlp as reference
from eth_account import Account
from eth_utils.crypto import keccak
from msgspec.structs import replace

from evm.blocks import AccessListEntry, Authorization, Log, Receipt, Transaction
from evm.envelopes import (
    IncompleteTransaction,
    UnknownTransactionType,
    encode_receipt,
    encode_transaction,
    recover_sender,
    sign_transaction,
    signing_hash,
    transaction_hash,
)
from evm.secp256k1 import InvalidSignature

KEY = bytes.fromhex("46" * 32)
SENDER = bytes.fromhex("9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f")
TO = bytes.fromhex("35" * 20)

EIP_155 = Transaction(
    type=0,
    nonce=9,
    gas_price=20 * 10**9,
    gas_limit=21_000,
    to=TO,
    value=10**18,
    input=b"",
    chain_id=1,
    v=37,
    r=0x28EF61340BD939BC2195FE537567866003E1A15D3C71FF63E1590620AA636276,
    s=0x67CBE9D8997F761AECB703304B3800CCF555C9F3DC64214B297FB1966A3B6D83,
)
BASE: dict[str, Any] = {"to": TO, "nonce": 7, "value": 10**18, "gas_limit": 90_000, "input": b"\x00data\xff"}
FEES: dict[str, Any] = {"chain_id": 1337, "max_fee_per_gas": 3 * 10**9, "max_priority_fee_per_gas": 10**9}
ACCESS = (
    AccessListEntry(address=b"\x11" * 20, storage_keys=(bytes(32), b"\x22" * 32)),
    AccessListEntry(address=b"\x33" * 20, storage_keys=()),
)


def signed_authorization(chain_id: int) -> Authorization:
    signed = Account.sign_authorization(
        {"chainId": chain_id, "address": "0x" + "44" * 20, "nonce": 3}, "0x" + "55" * 32
    )
    return Authorization(
        chain_id=chain_id, address=b"\x44" * 20, nonce=3, y_parity=signed.y_parity, r=signed.r, s=signed.s
    )


def transactions() -> dict[str, Transaction]:
    return {
        "legacy without chain id": Transaction(type=0, gas_price=10**9, **BASE),
        "legacy of EIP-155": Transaction(type=0, gas_price=10**9, chain_id=1337, **BASE),
        "legacy creation": Transaction(type=0, gas_price=0, chain_id=1337, **BASE | {"to": None, "nonce": 0}),
        "legacy of a large chain": Transaction(type=0, gas_price=1, chain_id=2**60 + 1, **BASE),
        "access list": Transaction(type=1, gas_price=10**9, chain_id=1337, access_list=ACCESS, **BASE),
        "dynamic fee": Transaction(type=2, access_list=ACCESS, **FEES, **BASE),
        "dynamic fee without access list": Transaction(type=2, **FEES, **BASE),
        "dynamic fee creation": Transaction(type=2, **FEES, **BASE | {"to": None}),
        "blob": Transaction(
            type=3,
            access_list=ACCESS,
            max_fee_per_blob_gas=5,
            blob_versioned_hashes=(b"\x01" + b"\x66" * 31, b"\x01" + b"\x77" * 31),
            **FEES,
            **BASE,
        ),
        "set code": Transaction(
            type=4,
            access_list=(),
            authorization_list=(signed_authorization(1337), signed_authorization(0)),
            **FEES,
            **BASE,
        ),
    }


def as_json_rpc(transaction: Transaction) -> dict[str, Any]:
    """The same transaction in the words of eth-account."""
    fields: dict[str, Any] = {
        "nonce": transaction.nonce,
        "value": transaction.value,
        "gas": transaction.gas_limit,
        "data": transaction.input,
    }
    optional = {
        "to": transaction.to,
        "chainId": transaction.chain_id,
        "gasPrice": transaction.gas_price,
        "maxFeePerGas": transaction.max_fee_per_gas,
        "maxPriorityFeePerGas": transaction.max_priority_fee_per_gas,
        "maxFeePerBlobGas": transaction.max_fee_per_blob_gas,
        "blobVersionedHashes": transaction.blob_versioned_hashes,
    }
    fields |= {name: value for name, value in optional.items() if value is not None}
    if transaction.type > 0:
        fields["type"] = transaction.type
        fields["accessList"] = [
            {
                "address": "0x" + entry.address.hex(),
                "storageKeys": ["0x" + key.hex() for key in entry.storage_keys],
            }
            for entry in transaction.access_list or ()
        ]
    if transaction.authorization_list is not None:
        fields["authorizationList"] = [
            {
                "chainId": item.chain_id,
                "address": item.address,
                "nonce": item.nonce,
                "yParity": item.y_parity,
                "r": item.r,
                "s": item.s,
            }
            for item in transaction.authorization_list
        ]
    return fields


@pytest.mark.parametrize("name", transactions())
def test_transaction_signed_by_eth_account_has_its_hash_and_sender(name: str) -> None:
    unsigned = transactions()[name]
    theirs = Account.sign_transaction(as_json_rpc(unsigned), KEY)
    ours = replace(unsigned, v=theirs.v, r=theirs.r, s=theirs.s)
    assert transaction_hash(ours) == bytes(theirs.hash)
    assert recover_sender(ours) == SENDER
    if unsigned.type != 3:  # eth-account's raw blob transaction may carry its blobs, the block's does not
        assert encode_transaction(ours) == bytes(theirs.raw_transaction)


@pytest.mark.parametrize("name", transactions())
def test_sign_transaction_gives_what_eth_account_signs(name: str) -> None:
    unsigned = transactions()[name]
    theirs = Account.sign_transaction(as_json_rpc(unsigned), KEY)
    ours = sign_transaction(unsigned, KEY)
    assert (ours.v, ours.r, ours.s, ours.hash) == (theirs.v, theirs.r, theirs.s, bytes(theirs.hash))
    assert ours.sender == SENDER


def test_eip_155_example_is_as_published() -> None:
    assert signing_hash(EIP_155).hex() == "daf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53"
    assert encode_transaction(EIP_155).hex() == (
        "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025"
        "a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276"
        "a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83"
    )
    assert recover_sender(EIP_155) == SENDER


def test_first_transaction_of_mainnet_has_its_published_hash_and_sender() -> None:
    transaction = Transaction(
        type=0,
        nonce=0,
        gas_price=50_000_000_000_000,
        gas_limit=21_000,
        to=bytes.fromhex("5df9b87991262f6ba471f09758cde1c0fc1de734"),
        value=31_337,
        input=b"",
        v=28,
        r=0x88FF6CF0FEFD94DB46111149AE4BFC179E9B94721FFFD821D38D16464B3F71D0,
        s=0x45E0AFF800961CFCE805DAEF7016B9B675C137A6A41A548F7B60A3484C06A33A,
    )
    expected = "5c504ed432cb51138bcf09aa5e8a410dd4a1e204ef84bfed1be16dfba1b22060"
    assert transaction_hash(transaction).hex() == expected
    assert recover_sender(transaction).hex() == "a1e4380a3b1f749673e270229993ee55f35663b4"


@pytest.mark.parametrize("type_", [5, 0x7E, 0x7F, 255, 300])
def test_transaction_of_unknown_type_is_refused_by_name(type_: int) -> None:
    transaction = Transaction(type=type_, **FEES, **BASE)
    for refused in (encode_transaction, transaction_hash, signing_hash, recover_sender):
        with pytest.raises(UnknownTransactionType, match=f"{type_:#x}") as caught:
            refused(transaction)
        assert caught.value.type == type_
    with pytest.raises(UnknownTransactionType):
        encode_receipt(Receipt(type=type_, status=1, cumulative_gas_used=1, gas_used=1, logs=()))


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("legacy of EIP-155", "gas_price"),
        ("access list", "chain_id"),
        ("dynamic fee", "max_fee_per_gas"),
        ("blob", "max_fee_per_blob_gas"),
        ("blob", "blob_versioned_hashes"),
        ("blob", "to"),
        ("set code", "authorization_list"),
        ("set code", "to"),
    ],
)
def test_transaction_without_a_field_of_its_type_is_refused(name: str, field: str) -> None:
    transaction = replace(transactions()[name], **{field: None})
    with pytest.raises(IncompleteTransaction, match=field) as caught:
        encode_transaction(transaction)
    assert caught.value.field == field


@pytest.mark.parametrize("v", [0, 1, 26, 29, 34])
def test_legacy_transaction_with_an_impossible_v_has_no_sender(v: int) -> None:
    with pytest.raises(InvalidSignature, match=f"v={v} "):
        recover_sender(replace(EIP_155, v=v))


LOG = Log(
    address=b"\x11" * 20,
    topics=(b"\x22" * 32, b"\x33" * 32),
    data=b"\x01\x02",
    log_index=0,
    transaction_index=0,
)


@pytest.mark.parametrize("type_", range(5))
def test_receipt_of_each_type_is_its_prefix_and_list(type_: int) -> None:
    receipt = Receipt(type=type_, status=1, cumulative_gas_used=50_000, gas_used=50_000, logs=(LOG,))
    body = reference.encode(
        [1, 50_000, receipt.logs_bloom, [[LOG.address, list(LOG.topics), LOG.data]]],
    )
    assert encode_receipt(receipt) == (bytes([type_]) if type_ else b"") + body


def test_receipt_of_a_failed_transaction_has_an_empty_status() -> None:
    receipt = Receipt(
        type=0, status=0, cumulative_gas_used=1, gas_used=1, logs=(), revert_reason=b"outside the root"
    )
    assert encode_receipt(receipt) == reference.encode([b"", 1, bytes(256), []])


def test_receipt_before_byzantium_has_the_state_root_first() -> None:
    receipt = Receipt(type=0, root=keccak(b"state"), cumulative_gas_used=1, gas_used=1, logs=())
    assert encode_receipt(receipt) == reference.encode([keccak(b"state"), 1, bytes(256), []])


def test_receipt_with_neither_status_nor_root_is_refused() -> None:
    with pytest.raises(ValueError, match="neither status nor root"):
        encode_receipt(Receipt(type=0, cumulative_gas_used=1, gas_used=1, logs=()))
