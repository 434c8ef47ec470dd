import pytest
from eth_abi import abi as eth_abi

from evm.abi.decoders import ErrorDecoder, error_decoder
from evm.abi.outcome import Fault, Undecodable
from evm.abi.reverts import PANICS, Revert, decode_revert
from tests.unit.evm.abi.abis import error

ERROR, PANIC = bytes.fromhex("08c379a0"), bytes.fromhex("4e487b71")


def test_error_of_require_gives_its_sentence() -> None:
    revert = decode_revert(ERROR + eth_abi.encode(["string"], ["too late"]), {})
    assert isinstance(revert, Revert)
    assert (revert.error.signature, revert.reason) == ("Error(string)", "too late")
    assert revert.arguments == {"message": "too late"}


def test_error_whose_sentence_is_no_text_has_no_reason_but_its_bytes() -> None:
    revert = decode_revert(ERROR + eth_abi.encode(["bytes"], [b"\xff"]), {})
    assert isinstance(revert, Revert)
    assert (revert.reason, revert.arguments) == (None, {"message": {"hex": "0xff"}})


@pytest.mark.parametrize(
    ("code", "reason"),
    [(0x11, "arithmetic overflow or underflow"), (0x32, PANICS[0x32]), (0x99, "panic code 0x99")],
)
def test_panic_gives_its_code_and_what_it_means(code: int, reason: str) -> None:
    revert = decode_revert(PANIC + eth_abi.encode(["uint256"], [code]), {})
    assert isinstance(revert, Revert)
    assert (revert.error.signature, revert.reason) == ("Panic(uint256)", reason)
    assert revert.arguments == {"code": str(code)}


def test_panic_with_a_code_of_78_digits_is_told_whole() -> None:
    revert = decode_revert(PANIC + b"\xff" * 32, {})
    assert isinstance(revert, Revert)
    assert revert.reason == "panic code 0x" + "ff" * 32


def test_error_of_the_contract_is_found_by_its_selector() -> None:
    made = error("InsufficientBalance", "uint256 have", "address who")
    known: dict[bytes, ErrorDecoder] = {made.selector: error_decoder(made)}
    data = made.selector + eth_abi.encode(["uint256", "address"], [5, "0x" + "ab" * 20])
    assert decode_revert(data, known) == Revert(made, {"have": "5", "who": "0x" + "ab" * 20})
    assert decode_revert(data, {}) is None
    assert decode_revert(data[:30], known) == Undecodable(Fault.SHORT)


@pytest.mark.parametrize("data", [b"", b"\x08", b"\x08\xc3\x79", bytes(4), b"plain text of an old contract"])
def test_revert_data_of_no_known_error_says_nothing(data: bytes) -> None:
    assert decode_revert(data, {}) is None


@pytest.mark.parametrize("data", [ERROR, ERROR + bytes(31), PANIC + bytes(31), ERROR + b"\xff" * 64])
def test_revert_data_that_is_cut_off_is_undecodable(data: bytes) -> None:
    assert isinstance(decode_revert(data, {}), Undecodable)
