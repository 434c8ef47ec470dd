"""What a token's four answers make of it, and when it is asked again."""

import pytest
from eth_abi.abi import encode

from indexer.fetched.contract_calls import Refused
from indexer.fetched.token_metadata import Metadata, to_metadata, wait_s

TOKEN = b"\x11" * 20
NO = Refused("execution reverted")


def text(value: str) -> bytes:
    return encode(["string"], [value])


def number(value: int) -> bytes:
    return value.to_bytes(32, "big")


def answers(name: bytes | Refused, symbol: bytes | Refused, decimals: bytes | Refused, supply: bytes | Refused) -> dict[str, bytes | Refused]:  # fmt: skip
    return {"name": name, "symbol": symbol, "decimals": decimals, "totalSupply": supply}


def test_token_that_says_all_is_read() -> None:
    said = to_metadata(TOKEN, [20], answers(text("Gold"), text("GLD"), number(18), number(10**24)))
    assert said == Metadata(TOKEN, "Gold", "GLD", 18, 10**24, "read", None)


@pytest.mark.parametrize(("standard", "state"), [(20, "partial"), (721, "read"), (1155, "read")])
def test_token_is_read_when_it_says_what_its_standard_promises(standard: int, state: str) -> None:
    said = to_metadata(TOKEN, [standard], answers(text("Deed"), text("D"), NO, NO))
    assert (said.state, said.name, said.decimals, said.total_supply) == (state, "Deed", None, None)
    assert said.fault == "decimals: execution reverted; totalSupply: execution reverted"


def test_token_that_refuses_or_says_nothing_is_told_apart() -> None:
    assert to_metadata(TOKEN, [20], answers(NO, NO, NO, NO)).state == "reverted"
    assert to_metadata(TOKEN, [20], answers(b"", b"", b"", b"")).state == "unreadable"
    assert to_metadata(TOKEN, [1155], answers(NO, NO, NO, NO)).state == "read"


def test_token_that_lies_about_decimals_keeps_the_rest() -> None:
    said = to_metadata(TOKEN, [20], answers(text("Liar"), text("LIE"), number(2**255), number(1)))
    assert (said.state, said.decimals, said.total_supply) == ("partial", None, 1)
    assert said.fault == "decimals: decimals above 255, a number of 256 bits"


def test_reason_of_a_node_is_stored_without_what_a_database_cannot_hold() -> None:
    said = to_metadata(TOKEN, [20], answers(Refused("no\0\n" + "x" * 900), NO, NO, NO))
    assert said.fault is not None
    assert "\0" not in said.fault
    assert len(said.fault) <= 500


def test_token_that_did_not_say_all_is_asked_less_and_less_often() -> None:
    waits = [wait_s("partial", attempts, 3600.0) for attempts in range(12)]
    assert waits == sorted(waits)
    assert waits[0] == 60
    assert waits[-1] == 7 * 24 * 3600
    assert wait_s("read", 5, 3600.0) == 3600
