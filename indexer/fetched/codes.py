"""PURE. What the code at an address is: nothing, a contract, a minimal proxy of another, a delegation."""

from dataclasses import dataclass
from typing import Final, Literal

from evm.primitives import Address, Hash32, keccak256

Kind = Literal["none", "contract", "clone", "delegation"]

_DELEGATION_PREFIX: Final = bytes.fromhex("ef0100")  # EIP-7702
_ADDRESS_BYTES = 20

_PUSH0: Final = 0x5F  # PUSHn follows it by n


@dataclass(frozen=True, slots=True)
class _Template:
    """Code before the push of the original's address, and after it up to, at, and after a jump's target."""

    before: bytes
    to_jump: bytes
    jump: int | None = None
    after: bytes = b""

    def original(self, code: bytes) -> Address | None:
        """The address that is pushed; with leading zeros the push is shorter, and the jump's target lower."""
        place = len(self.before)
        if len(code) <= place or not code.startswith(self.before):
            return None
        pushed = code[place] - _PUSH0
        shorter = _ADDRESS_BYTES - pushed
        if not 0 <= shorter < _ADDRESS_BYTES or (shorter and self.jump is None):
            return None
        end = place + 1 + pushed
        jump = b"" if self.jump is None else bytes([self.jump - shorter])
        if not code.startswith(self.to_jump + jump + self.after, end):
            return None
        return code[place + 1 : end].rjust(_ADDRESS_BYTES, b"\0")


def _template(before: str, to_jump: str, jump: int | None = None, after: str = "") -> _Template:
    return _Template(bytes.fromhex(before), bytes.fromhex(to_jump), jump, bytes.fromhex(after))


# Every path through such code ends before what may follow it, so that what follows is data: the immutable
# arguments of OpenZeppelin's and Solady's clones.
_TEMPLATES: Final = (
    _template("363d3d373d3d3d363d", "5af43d82803e903d9160", 0x2B, "57fd5bf3"),  # EIP-1167
    _template("3d3d3d3d363d3d37363d", "5af43d3d93803e60", 0x2A, "57fd5bf3"),  # 0age's of 44 bytes, Solady
    _template("365f5f375f5f365f", "5af43d5f5f3e5f3d9160", 0x2A, "57fd5bf3"),  # ERC-7511, with PUSH0
    _template("5f5f365f5f37365f", "5af43d5f5f3e60", 0x29, "573d5ffd5b3d5ff3"),  # Solady, with PUSH0
    _template("3660006000376110006000366000", "5af41558576110006000f3"),  # Vyper's first, Uniswap V1
    _template("3660006000376110006000366000", "5af460", 0x2C, "57600080fd5b6110006000f3"),  # Vyper to 0.2.8
)


@dataclass(frozen=True, slots=True)
class Code:
    """Code as it is stored; `target` is the original of a clone or the delegate of a delegation."""

    kind: Kind
    hash: Hash32
    size_bytes: int
    target: Address | None = None


def recognise(code: bytes) -> Code:
    """What `code` is; a proxy that keeps its target in storage is a contract here."""
    hash_ = keccak256(code)
    if not code:
        return Code("none", hash_, 0)
    if len(code) == len(_DELEGATION_PREFIX) + _ADDRESS_BYTES and code.startswith(_DELEGATION_PREFIX):
        return Code("delegation", hash_, len(code), code[len(_DELEGATION_PREFIX) :])
    original = _original(code)
    if original is not None:
        return Code("clone", hash_, len(code), original)
    return Code("contract", hash_, len(code))


def _original(code: bytes) -> Address | None:
    found = (template.original(code) for template in _TEMPLATES)
    return next((original for original in found if original is not None), None)
