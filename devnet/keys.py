"""Every key of the simulated network, derived from its seed: the same seed signs the same chain."""

import random
from dataclasses import dataclass, field

from evm.primitives import Address, keccak256
from evm.secp256k1 import address_of

# Order of secp256k1 (SEC 2, section 2.4.1); private keys lie in 1..order-1.
_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@dataclass(frozen=True)
class KeyPair:
    """A private key and the address it signs for; the key is never printed."""

    address: Address
    private_key: bytes = field(repr=False)


def key_pair(seed: int, role: str, index: int) -> KeyPair:
    digest = keccak256(f"pend devnet {seed} {role} {index}".encode())
    private_key = (int.from_bytes(digest, "big") % (_ORDER - 1) + 1).to_bytes(32, "big")
    return KeyPair(address_of(private_key), private_key)


def validators(seed: int, count: int) -> tuple[KeyPair, ...]:
    """Validator keys in ascending order of address, the order in which Besu rotates proposers."""
    pairs = [key_pair(seed, "validator", index) for index in range(count)]
    return tuple(sorted(pairs, key=lambda pair: pair.address))


def accounts(seed: int, count: int) -> tuple[KeyPair, ...]:
    """Senders of transactions; the first one deploys the contracts and owns them."""
    return tuple(key_pair(seed, "account", index) for index in range(count))


def generator(*parts: object) -> random.Random:
    """A generator that depends on nothing but its parts (string seeds are hashed by SHA-512)."""
    return random.Random(" ".join(map(str, parts)))  # noqa: S311 - reproducibility, not secrecy
