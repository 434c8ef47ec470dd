import pytest

from evm.abi.entries import Event
from evm.abi.outcome import Arguments, Fault, Undecodable
from indexer.decode.matching import NOTHING, DecodedLog, EventSet, UndecodedLog, decode_log
from tests.unit.evm.abi.abis import event

ERC20 = event("Transfer", "address indexed from", "address indexed to", "uint256 value")
ERC721 = event("Transfer", "address indexed from", "address indexed to", "uint256 indexed tokenId")
ODD = event("Transfer", "address indexed from", "address to", "uint256 indexed value")
NOTE = event("Note", "address indexed guy", "uint256 wad", anonymous=True)
MEMO = event("Memo", "bytes32 indexed key", "bool on", anonymous=True)

A, B, SEVEN = (number.to_bytes(32, "big") for number in (0xA, 0xB, 7))


def addresses(*numbers: int) -> list[str]:
    return [f"0x{number:040x}" for number in numbers]


def test_transfer_is_told_apart_by_the_number_of_its_topics() -> None:
    both = EventSet([ERC20, ERC721])
    sender, to = addresses(0xA, 0xB)
    fungible = decode_log(NOTHING, both, [ERC20.topic0, A, B], SEVEN)
    unique = decode_log(NOTHING, both, [ERC20.topic0, A, B, SEVEN], b"")
    assert fungible == DecodedLog(ERC20, {"from": sender, "to": to, "value": "7"})
    assert unique == DecodedLog(ERC721, {"from": sender, "to": to, "tokenId": "7"})


@pytest.mark.parametrize("topics", [[], [ERC20.topic0], [ERC20.topic0, A], [A, B, SEVEN], [ERC20.topic0] * 4])
def test_log_of_no_known_event_is_unknown(topics: list[bytes]) -> None:
    assert decode_log(EventSet([ERC20]), EventSet([ERC20]), topics, SEVEN) is None


def test_abi_of_the_contract_comes_before_those_for_any() -> None:
    named = event("Transfer", "address indexed src", "address indexed dst", "uint256 wad")
    outcome = decode_log(EventSet([named]), EventSet([ERC20]), [ERC20.topic0, A, B], SEVEN)
    assert isinstance(outcome, DecodedLog)
    assert (outcome.event, list(outcome.arguments)) == (named, ["src", "dst", "wad"])


def test_events_that_differ_in_names_alone_are_read_by_the_first() -> None:
    named = event("Transfer", "address indexed src", "address indexed dst", "uint256 wad")
    outcome = decode_log(NOTHING, EventSet([ERC20, named]), [ERC20.topic0, A, B], SEVEN)
    assert isinstance(outcome, DecodedLog)
    assert outcome.event == ERC20


def test_events_that_differ_in_what_is_indexed_are_ambiguous_when_both_fit() -> None:
    both = EventSet([ERC20, ODD])
    topics = [ERC20.topic0, A, B]
    assert decode_log(NOTHING, both, topics, SEVEN) == UndecodedLog(ERC20, Undecodable(Fault.AMBIGUOUS))
    large = (2**200).to_bytes(32, "big")
    assert isinstance(decode_log(NOTHING, both, topics, large), DecodedLog)


def test_known_event_whose_bytes_do_not_fit_is_told_with_the_reason() -> None:
    outcome = decode_log(EventSet([ERC20]), NOTHING, [ERC20.topic0, A, b"\xff" * 32], SEVEN)
    assert outcome == UndecodedLog(ERC20, Undecodable(Fault.PADDING, "to"))
    assert decode_log(EventSet([ERC20]), NOTHING, [ERC20.topic0, A, B], b"") == UndecodedLog(
        ERC20, Undecodable(Fault.SHORT)
    )


def test_anonymous_event_is_matched_by_its_contract_alone() -> None:
    topics = [A]
    wanted: Arguments = {"guy": addresses(0xA)[0], "wad": "7"}
    assert decode_log(EventSet([NOTE]), NOTHING, topics, SEVEN) == DecodedLog(NOTE, wanted)
    assert decode_log(NOTHING, EventSet([NOTE]), topics, SEVEN) is None


def test_anonymous_event_that_does_not_fit_leaves_the_log_unknown() -> None:
    assert decode_log(EventSet([NOTE]), NOTHING, [b"\xff" * 32], SEVEN) is None
    assert decode_log(EventSet([NOTE]), NOTHING, [], SEVEN) is None


def test_named_event_for_any_contract_comes_before_an_anonymous_one() -> None:
    catch_all = event("Any", *["bytes32 indexed"] * 3, "uint256 x", anonymous=True)
    outcome = decode_log(EventSet([catch_all]), EventSet([ERC20]), [ERC20.topic0, A, B], SEVEN)
    assert isinstance(outcome, DecodedLog)
    assert outcome.event == ERC20


def test_anonymous_events_that_both_fit_are_ambiguous() -> None:
    own = EventSet([NOTE, MEMO])
    one = (1).to_bytes(32, "big")
    outcome = decode_log(own, NOTHING, [A], one)
    assert isinstance(outcome, UndecodedLog)
    assert outcome.outcome.fault is Fault.AMBIGUOUS
    decoded = decode_log(own, NOTHING, [A], SEVEN)
    assert isinstance(decoded, DecodedLog)
    assert decoded.event == NOTE


def test_anonymous_event_without_arguments_matches_a_log_without_topics() -> None:
    empty: Event = event("Ping", anonymous=True)
    assert decode_log(EventSet([empty]), NOTHING, [], b"") == DecodedLog(empty, {})
