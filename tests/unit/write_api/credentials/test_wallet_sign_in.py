from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import _hash_eip191_message, encode_defunct
from hypothesis import given
from hypothesis import strategies as st

from evm.secp256k1 import CURVE_ORDER
from write_api.credentials.wallets import (
    MessageMalformed,
    SignatureRefused,
    WalletRefused,
    digest_of,
    message_for,
    signer_of,
    verify,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EXPECTED: dict[str, Any] = {
    "domain": "app.pend.example",
    "uri": "https://app.pend.example/login",
    "chain_id": 1337,
    "nonce": "Zq8aR2mK0pXw",
    "now": NOW,
}
account = Account.from_key("0x" + "11" * 32)
ADDRESS = bytes.fromhex(account.address[2:])
Asked = list[tuple[bytes, bytes, bytes]]


def message(**changes: Any) -> str:
    values = {
        "domain": EXPECTED["domain"],
        "address": ADDRESS,
        "uri": EXPECTED["uri"],
        "chain_id": EXPECTED["chain_id"],
        "nonce": EXPECTED["nonce"],
        "issued_at": NOW,
        "expires_at": NOW + timedelta(minutes=5),
        "statement": "Sign in to Pend.",
    }
    return message_for(**{**values, **changes})


def signature_of(text: str, by: Any = account) -> bytes:
    return bytes(by.sign_message(encode_defunct(text=text)).signature)


class Contract:
    """A wallet that takes one signature as its own."""

    def __init__(self, accepted: bytes | None = None) -> None:
        self.accepted = accepted
        self.asked: Asked = []

    async def __call__(self, address: bytes, digest: bytes, signature: bytes) -> bool:
        self.asked.append((address, digest, signature))
        return signature == self.accepted


async def signed_in(text: str, signature: bytes, contract: Contract | None = None, **changes: Any) -> bytes:
    return await verify(text, signature, **{**EXPECTED, **changes}, ask_contract=contract or Contract())


async def test_an_account_signs_in_and_no_contract_is_asked() -> None:
    contract = Contract()
    assert await signed_in(message(), signature_of(message()), contract) == ADDRESS
    assert contract.asked == []


async def test_a_message_without_statement_signs_in() -> None:
    text = message(statement=None)
    assert await signed_in(text, signature_of(text)) == ADDRESS


async def test_a_recovery_id_of_0_or_1_is_taken_as_27_or_28() -> None:
    signature = signature_of(message())
    assert await signed_in(message(), signature[:64] + bytes([signature[64] - 27])) == ADDRESS


async def test_a_contract_signs_in_with_a_signature_of_its_own_form() -> None:
    own = b"\x01" * 200
    contract = Contract(own)
    assert await signed_in(message(), own, contract) == ADDRESS
    assert contract.asked == [(ADDRESS, digest_of(message()), own)]


async def test_a_contract_may_take_an_empty_signature() -> None:
    assert await signed_in(message(), b"", Contract(b"")) == ADDRESS


async def test_a_node_out_of_reach_is_not_a_wrong_signature() -> None:
    async def unreachable(*_: bytes) -> bool:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await verify(message(), b"", **EXPECTED, ask_contract=unreachable)


@given(st.text(max_size=300))
def test_digest_is_what_another_library_signs(text: str) -> None:
    assert digest_of(text) == _hash_eip191_message(encode_defunct(text=text))


@given(st.binary(min_size=32, max_size=32), st.integers(1, 2**200))
def test_signer_is_what_another_library_says(digest: bytes, secret: int) -> None:
    other = Account.from_key(secret.to_bytes(32, "big"))
    signature = bytes(other.unsafe_sign_hash(digest).signature)
    assert signer_of(digest, signature) == bytes.fromhex(other.address[2:])


async def test_the_other_signature_with_a_high_s_refused() -> None:
    signature = signature_of(message())
    s = CURVE_ORDER - int.from_bytes(signature[32:64], "big")
    high = signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])
    assert Account.recover_message(encode_defunct(text=message()), signature=high) == account.address
    with pytest.raises(SignatureRefused):
        await signed_in(message(), high)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda good: good[:64],
        lambda good: good + b"\x00",
        lambda good: b"",
        lambda good: good[:64] + b"\x02",
        lambda good: good[:64] + b"\x1d",
        lambda good: good[:64] + bytes([55 - good[64]]),
        lambda good: bytes(64) + b"\x1b",
        lambda good: good[:32] + bytes(32) + good[64:],
        lambda good: b"\xff" * 32 + good[32:],
        lambda good: bytes([good[0] ^ 1]) + good[1:],
    ],
)  # fmt: skip
async def test_a_malformed_signature_refused(spoil: Any) -> None:
    with pytest.raises(SignatureRefused):
        await signed_in(message(), spoil(signature_of(message())))


async def test_a_signature_of_another_account_refused() -> None:
    with pytest.raises(SignatureRefused):
        await signed_in(message(), signature_of(message(), Account.from_key("0x" + "22" * 32)))


async def test_a_signature_over_another_text_refused() -> None:
    with pytest.raises(SignatureRefused):
        await signed_in(message(), signature_of(message(statement="Pay everything.")))


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"domain": "app.pend.example.evil.example"}, "domain"),
        ({"domain": "app.pend.example:8443"}, "domain"),
        ({"uri": "https://app.pend.example/other"}, "URI"),
        ({"uri": "http://app.pend.example/login"}, "URI"),
        ({"chain_id": 1}, "chain 1, not 1337"),
        ({"nonce": "Zq8aR2mK0pXx"}, "nonce"),
        ({"issued_at": NOW + timedelta(minutes=5)}, "future"),
        ({"issued_at": NOW - timedelta(minutes=16)}, "900 s ago"),
        ({"expires_at": NOW}, "expired"),
        ({"expires_at": NOW - timedelta(seconds=1)}, "expired"),
    ],
)
async def test_a_good_signature_over_a_message_for_something_else_refused(
    change: dict[str, Any], names: str
) -> None:
    text, contract = message(**change), Contract(b"")
    with pytest.raises(WalletRefused, match=names):
        await signed_in(text, signature_of(text), contract)
    assert contract.asked == []


async def test_a_message_not_valid_yet_refused() -> None:
    text = message() + "\nNot Before: 2026-03-01T12:00:01Z"
    with pytest.raises(WalletRefused, match="not valid yet"):
        await signed_in(text, signature_of(text))
    assert await signed_in(text, signature_of(text), now=NOW + timedelta(seconds=1)) == ADDRESS


async def test_a_message_with_another_scheme_refused_and_with_the_same_taken() -> None:
    good, other = "https://" + message(), "http://" + message()
    assert await signed_in(good, signature_of(good)) == ADDRESS
    with pytest.raises(WalletRefused, match="domain"):
        await signed_in(other, signature_of(other))


async def test_a_message_with_the_address_in_lower_case_refused() -> None:
    text = message().replace(account.address, account.address.lower())
    with pytest.raises(MessageMalformed, match="EIP-55"):
        await signed_in(text, signature_of(text))


async def test_a_message_or_signature_too_large_refused_before_anyone_is_asked() -> None:
    contract = Contract(b"\x01" * 8193)
    with pytest.raises(SignatureRefused, match="8193"):
        await signed_in(message(), b"\x01" * 8193, contract)
    text = message() + "\nResources:" + "\n- https://a.example" * 250
    with pytest.raises(MessageMalformed, match="4096"):
        await signed_in(text, signature_of(text), contract)
    assert contract.asked == []
