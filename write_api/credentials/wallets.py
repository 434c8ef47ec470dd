"""Sign-in with a wallet (EIP-4361): an account's own signature, or a contract's word for it (EIP-1271)."""

import hmac
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from evm.primitives import Address, Hash32, keccak256
from evm.secp256k1 import CURVE_ORDER, InvalidSignature, recover
from write_api.credentials import sign_in_messages
from write_api.credentials.sign_in_messages import MessageMalformed, SignInMessage

__all__ = ["AskContract", "MessageMalformed", "SignatureRefused", "WalletRefused", "message_for", "verify"]

AskContract: TypeAlias = Callable[[Address, Hash32, bytes], Awaitable[bool]]
"""Whether the contract at an address takes a signature over a digest as its own (EIP-1271)."""

SIGNATURE_BYTES_MAX: Final = 8192
AGE_MAX: Final = timedelta(minutes=15)
_CLOCK_LEEWAY: Final = timedelta(seconds=60)  # the wallet's page may have written the time
_S_MAX: Final = CURVE_ORDER // 2  # EIP-2: of the two signatures that say the same, the lower one
_Y_PARITIES: Final = {0: 0, 1: 1, 27: 0, 28: 1}


class WalletRefused(Exception):
    """A message that is not one for this sign-in; `reason` names what differs, not with what."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"wallet sign-in refused: {reason}")
        self.reason = reason


class SignatureRefused(WalletRefused):
    """Neither the address itself nor a contract there has signed the message."""


def message_for(
    domain: str,
    address: Address,
    uri: str,
    chain_id: int,
    nonce: str,
    issued_at: datetime,
    expires_at: datetime,
    statement: str | None,
) -> str:
    """The text for the wallet to sign. Raises `MessageMalformed`, such as for a statement not in ASCII."""
    return sign_in_messages.to_text(
        SignInMessage(
            domain=domain,
            address=address,
            uri=uri,
            chain_id=chain_id,
            nonce=nonce,
            issued_at=issued_at.replace(microsecond=0),
            expiration_time=expires_at.replace(microsecond=0),
            statement=statement,
        )
    )


async def verify(
    message_text: str,
    signature: bytes,
    *,
    domain: str,
    uri: str,
    chain_id: int,
    nonce: str,
    now: datetime,
    ask_contract: AskContract,
) -> Address:
    """The address that has signed in. Raises `MessageMalformed`, `WalletRefused` or `SignatureRefused`.

    That the nonce was ours and is spent now is the caller's to see to. What `ask_contract` raises, such as
    a node out of reach, passes through.
    """
    if len(signature) > SIGNATURE_BYTES_MAX:
        raise SignatureRefused(f"{len(signature)} bytes of signature, at most {SIGNATURE_BYTES_MAX} are read")
    message = sign_in_messages.parse(message_text)
    _require_binding(message, domain, uri, chain_id, nonce)
    _require_time(message, now)
    digest = digest_of(message_text)
    if signer_of(digest, signature) == message.address:
        return message.address
    if await ask_contract(message.address, digest, signature):
        return message.address
    raise SignatureRefused("neither the address nor a contract there has signed the message")


def digest_of(message_text: str) -> Hash32:
    """What wallets sign for a text (EIP-191, version 0x45)."""
    data = message_text.encode()
    return keccak256(b"\x19Ethereum Signed Message:\n%d" % len(data) + data)


def signer_of(digest: Hash32, signature: bytes) -> Address | None:
    """Whose r, s and v these 65 bytes are; None where they are malformed or s is in the upper half."""
    if len(signature) != 65:
        return None
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
    y_parity = _Y_PARITIES.get(signature[64])
    if y_parity is None or s > _S_MAX:
        return None
    try:
        return recover(digest, r, s, y_parity)
    except InvalidSignature:
        return None


def _require_binding(message: SignInMessage, domain: str, uri: str, chain_id: int, nonce: str) -> None:
    scheme = uri.partition(":")[0]
    if message.domain != domain or message.scheme not in {None, scheme}:
        raise WalletRefused("it is for another domain")
    if message.uri != uri:
        raise WalletRefused("it is for another URI")
    if message.chain_id != chain_id:
        raise WalletRefused(f"it is for chain {message.chain_id}, not {chain_id}")
    if not hmac.compare_digest(message.nonce.encode(), nonce.encode()):
        raise WalletRefused("it has another nonce")


def _require_time(message: SignInMessage, now: datetime) -> None:
    if message.issued_at > now + _CLOCK_LEEWAY:
        raise WalletRefused("it was issued in the future")
    if message.issued_at < now - AGE_MAX:
        raise WalletRefused(f"it was issued more than {AGE_MAX.total_seconds():.0f} s ago")
    if message.expiration_time is not None and message.expiration_time <= now:
        raise WalletRefused("it has expired")
    if message.not_before is not None and message.not_before > now:
        raise WalletRefused("it is not valid yet")
