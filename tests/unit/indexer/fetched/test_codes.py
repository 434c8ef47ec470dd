"""What code is, by the byte sequences that the EIPs and the deployed contracts publish."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evm.primitives import keccak256
from indexer.fetched.codes import recognise

BE = "be" * 20

# Where each was published: the EIP, or a contract on Ethereum's main network.
PUBLISHED = {
    "EIP-1167": ("363d3d373d3d3d363d73" + BE + "5af43d82803e903d91602b57fd5bf3", BE),
    "EIP-1167, vanity": (
        "363d3d373d3d3d363d6f" + "be" * 16 + "5af43d82803e903d91602757fd5bf3",
        "00" * 4 + "be" * 16,
    ),
    "ERC-7511": ("365f5f375f5f365f73" + BE + "5af43d5f5f3e5f3d91602a57fd5bf3", BE),
    "0age": ("3d3d3d3d363d3d37363d73" + BE + "5af43d3d93803e602a57fd5bf3", BE),
    "Solady with PUSH0": ("5f5f365f5f37365f73" + BE + "5af43d5f5f3e6029573d5ffd5b3d5ff3", BE),
    "Uniswap V1": (
        "3660006000376110006000366000732157a7894439191e520825fe9399ab8655e0f7085af41558576110006000f3",
        "2157a7894439191e520825fe9399ab8655e0f708",
    ),
    "Vyper": (
        "3660006000376110006000366000739c351cabc5d9e1393678d221f84e6ee3d05c016f5af4602c57600080fd5b6110006000f3",
        "9c351cabc5d9e1393678d221f84e6ee3d05c016f",
    ),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_clone_as_it_was_published_names_its_original(name: str) -> None:
    code, original = (bytes.fromhex(text) for text in PUBLISHED[name])
    found = recognise(code)
    assert (found.kind, found.target, found.size_bytes) == ("clone", original, len(code))
    assert found.hash == keccak256(code)


def test_clone_with_immutable_arguments_behind_it_is_a_clone() -> None:
    code, original = (bytes.fromhex(text) for text in PUBLISHED["EIP-1167"])
    assert recognise(code + b"\x2a" * 64).target == original


@pytest.mark.parametrize("name", PUBLISHED)
@given(place=st.integers(0), bit=st.integers(0, 7))
def test_clone_with_one_bit_changed_is_no_clone_of_the_same(name: str, place: int, bit: int) -> None:
    code, original = (bytes.fromhex(text) for text in PUBLISHED[name])
    changed = bytearray(code)
    changed[place % len(code)] ^= 1 << bit
    found = recognise(bytes(changed))
    assert found.kind in ("clone", "contract")
    assert found.target != original


def test_delegation_is_told_from_a_contract() -> None:
    found = recognise(bytes.fromhex("ef0100" + BE))
    assert (found.kind, found.target) == ("delegation", bytes.fromhex(BE))
    assert recognise(bytes.fromhex("ef0100" + BE + "00")).kind == "contract"
    assert recognise(bytes.fromhex("ef0200" + BE)).kind == "contract"


def test_nothing_is_the_code_of_an_account() -> None:
    found = recognise(b"")
    assert (found.kind, found.target, found.size_bytes, found.hash) == ("none", None, 0, keccak256(b""))


@given(st.binary(max_size=80))
def test_any_bytes_are_something(code: bytes) -> None:
    assert recognise(code).size_bytes == len(code)
