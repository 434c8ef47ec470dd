"""Signatures over secp256k1, and the addresses behind them."""

from functools import lru_cache

from coincurve import PrivateKey, PublicKey

from evm.primitives import Address, Hash32, keccak256

# Order of the group (SEC 2, 2.4.1); r and s lie strictly between 0 and it.
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141

# Deriving the public half costs as much as signing; a network signs with the same few keys.
_KEYS_MAX = 64


class InvalidSignature(ValueError):
    """A signature that no key can have made over this hash."""

    def __init__(self, problem: str, r: int, s: int, y_parity: int) -> None:
        super().__init__(f"signature r={r:#x} s={s:#x} y parity={y_parity}: {problem}")
        self.r = r
        self.s = s
        self.y_parity = y_parity


class InvalidKey(ValueError):
    """Bytes that are no private key; they are never shown."""

    def __init__(self, length: int) -> None:
        super().__init__(
            f"{length} bytes are no secp256k1 private key: 32 are needed, above 0 and below the order"
        )


@lru_cache(maxsize=_KEYS_MAX)
def _private_key(private_key: bytes) -> PrivateKey:
    if len(private_key) != 32 or not 0 < int.from_bytes(private_key, "big") < CURVE_ORDER:
        raise InvalidKey(len(private_key))
    return PrivateKey(private_key)


def _address(public_key: PublicKey) -> Address:
    return keccak256(public_key.format(compressed=False)[1:])[12:]


def address_of(private_key: bytes) -> Address:
    return _address(_private_key(private_key).public_key)


def sign(message_hash: Hash32, private_key: bytes) -> tuple[int, int, int]:
    """r, s and y parity; deterministic (RFC 6979), s in the lower half (EIP-2)."""
    _require_hash(message_hash)
    signature = _private_key(private_key).sign_recoverable(message_hash, hasher=None)
    return int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big"), signature[64]


def recover(message_hash: Hash32, r: int, s: int, y_parity: int) -> Address:
    """Address whose key signed `message_hash`; an upper-half s is accepted, as before Homestead."""
    _require_hash(message_hash)
    if not (0 < r < CURVE_ORDER and 0 < s < CURVE_ORDER):
        raise InvalidSignature("r and s must lie above 0 and below the order of the curve", r, s, y_parity)
    if y_parity not in (0, 1):
        raise InvalidSignature("y parity must be 0 or 1", r, s, y_parity)
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes((y_parity,))
    try:
        public_key = PublicKey.from_signature_and_message(signature, message_hash, hasher=None)
    except ValueError as error:
        raise InvalidSignature("no public key fits it", r, s, y_parity) from error
    return _address(public_key)


def _require_hash(message_hash: bytes) -> None:
    if len(message_hash) != 32:
        raise ValueError(f"a hash of {len(message_hash)} bytes cannot be signed: 32 are needed")
