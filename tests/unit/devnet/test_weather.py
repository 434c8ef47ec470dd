"""When spells strike; and that docs/devnet.md lists every kind of weather with its options."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from devnet.chain import Devnet
from devnet.faults import Call, Exchange
from devnet.weather.answers import NullBlock
from devnet.weather.fault import WeatherInvalid
from devnet.weather.forecast import parse_text
from devnet.weather.kinds import KINDS, PASSING
from devnet.weather.networks import Lagging
from devnet.weather.spells import Spell
from devnet.weather.subject import block_number, identity
from devnet.weather.transport import ConnectionDropped, HttpStatus
from devnet.weather.weather import Attempts, Weather

DOCUMENT = Path(__file__).parents[3] / "docs" / "devnet.md"
HEAD = Call("eth_blockNumber", [], 1)
TRUE = b'{"jsonrpc":"2.0","id":1,"result":"0x5"}'


def documented() -> dict[str, str]:
    """Kind -> its row in the table of weather."""
    table = DOCUMENT.read_text().partition("<!-- weather -->")[2].partition("<!-- /weather -->")[0]
    rows = re.findall(r"^\| `(\w+)` \|.*$", table, re.MULTILINE)
    lines = [line for line in table.splitlines() if line.startswith("| `")]
    return dict(zip(rows, lines, strict=True))


def test_document_lists_every_kind_and_no_other() -> None:
    assert sorted(documented()) == sorted(KINDS)


@pytest.mark.parametrize("name", KINDS)
def test_document_lists_the_options_of_a_kind_with_their_defaults(name: str) -> None:
    fault, row = KINDS[name](), documented()[name]
    options = [option for option in dataclasses.fields(fault) if option.name != "status"]
    assert re.findall(r"`(\w+)=", row) == [option.name for option in options]
    for option in options:
        default = getattr(fault, option.name)
        assert f"`{option.name}={'none' if default is None else default}`" in row
    assert ("no" in row.split("|")[-2]) == (name not in PASSING)


def test_document_names_every_condition_of_a_spell() -> None:
    text = DOCUMENT.read_text()
    for condition in dataclasses.fields(Spell)[1:]:
        assert f"| `{condition.name}` |" in text


def test_fault_is_a_frozen_value_known_by_its_name() -> None:
    for name, make in KINDS.items():
        fault = make()
        assert (fault.name, hash(fault), fault) == (name, hash(make()), make())
        for option in dataclasses.fields(fault):
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(fault, option.name, 1)


def test_chance_strikes_the_share_it_says_and_the_same_requests_each_time() -> None:
    spell = Spell(NullBlock(), 0.25)
    requests = [identity(Call("eth_getBlockByNumber", [hex(n), True], n)) for n in range(4000)]
    struck = [spell.falls_on(1, request, 0) for request in requests]
    assert 900 < sum(struck) < 1100
    assert struck == [spell.falls_on(1, request, 0) for request in requests]
    assert struck != [spell.falls_on(2, request, 0) for request in requests]
    assert struck != [spell.falls_on(1, request, 1) for request in requests]
    assert struck != [Spell(HttpStatus(500), 0.25).falls_on(1, request, 0) for request in requests]
    assert all(Spell(NullBlock()).falls_on(1, request, 99) for request in requests)
    assert not any(Spell(NullBlock(), 0).falls_on(1, request, 0) for request in requests)


def test_bounded_attempts_strike_the_first_ones_only() -> None:
    spell = Spell(NullBlock(), attempts=2)
    assert [spell.falls_on(1, b"request", attempt) for attempt in range(4)] == [True, True, False, False]


def test_request_is_the_same_whoever_asks() -> None:
    one, other = Call("eth_getLogs", [{"a": 1, "b": 2}], 1), Call("eth_getLogs", [{"b": 2, "a": 1}], "x")
    assert identity(one) == identity(other)
    assert identity(one) != identity(Call("eth_getLogs", [{"a": 1}], 1))
    assert identity(one) != identity(Call("eth_newFilter", one.params, 1))


def test_attempts_forget_the_request_made_longest_ago() -> None:
    attempts = Attempts(2)
    assert [attempts.next(request) for request in (b"a", b"b", b"a", b"c", b"a", b"b")] == [0, 0, 1, 0, 2, 0]


def test_block_of_a_request_is_found_however_it_is_named() -> None:
    devnet = Devnet(1, history_blocks=5, transactions_per_block=2)
    block = devnet.block(3)
    assert block is not None
    block_hash, transaction = "0x" + block.hash.hex(), "0x" + block.transactions[1].hash.hex()
    requests: list[tuple[str, list[Any], int]] = [
        ("eth_getBlockByNumber", ["0x3", True], 3),
        ("eth_getBlockByNumber", ["latest", True], 5),
        ("eth_getBlockByNumber", ["earliest", True], 0),
        ("eth_getBlockByHash", [block_hash, True], 3),
        ("eth_getBlockByHash", ["0x" + "ab" * 32, True], 5),
        ("eth_getBlockByHash", ["zz" * 33, True], 5),
        ("eth_getBlockReceipts", [block_hash], 3),
        ("eth_getTransactionReceipt", [transaction], 3),
        ("eth_getTransactionReceipt", [None], 5),
        ("eth_getLogs", [{"fromBlock": "0x2", "toBlock": "0x4"}], 2),
        ("eth_getLogs", [{"blockHash": block_hash}], 5),
        ("eth_blockNumber", [], 5),
        ("eth_getBlockByNumber", [7], 5),
    ]
    for method, params, number in requests:
        assert block_number(Call(method, params, 1), devnet) == number, (method, params)


def test_schedule_in_seconds_begins_and_ends_by_the_clock() -> None:
    now = [100.0]
    lag = Spell(Lagging(2), seconds=(10, 20))
    weather = Weather(Devnet(1, history_blocks=5), [lag], clock=lambda: now[0])
    shown = []
    for now[0] in (100, 109, 110, 120, 121):
        shown.append(weather.after(HEAD, TRUE))
    behind = TRUE.replace(b"0x5", b"0x3")
    assert shown == [TRUE, TRUE, behind, behind, TRUE]
    assert weather.struck == {"lagging": 2}


async def test_schedule_in_requests_counts_http_requests_from_one() -> None:
    weather = Weather(Devnet(1), [Spell(HttpStatus(500), requests=(2, 3))])
    answers = [await weather.before(Exchange("http", (HEAD,))) for _ in range(4)]
    assert [answer is None for answer in answers] == [True, False, False, True]


async def test_strikes_are_bounded_in_all() -> None:
    weather = Weather(Devnet(1), [Spell(HttpStatus(500), strikes=2)])
    answers = [
        await weather.before(Exchange("http", (Call("eth_getBlockReceipts", [hex(n)], n),))) for n in range(4)
    ]
    assert [answer is None for answer in answers] == [False, False, True, True]


async def test_commands_of_the_simulation_pass_in_any_weather() -> None:
    weather = Weather(Devnet(1), [Spell(ConnectionDropped())])
    command = Call("devnet_clearWeather", [], 1)
    assert await weather.before(Exchange("http", (HEAD, command))) is None
    assert not weather.struck


def test_text_of_weather_names_kinds_with_probabilities() -> None:
    assert parse_text("") == ()
    assert parse_text("null_block:0.5, lagging") == (Spell(NullBlock(), 0.5), Spell(Lagging(), 0.02))
    passing = parse_text("passing:0.02")
    assert [spell.name for spell in passing] == list(PASSING)
    assert {spell.probability for spell in passing} == {0.02}
    with pytest.raises(WeatherInvalid, match="no such kind") as raised:
        parse_text("lagging,fog:0.1")
    assert raised.value.name == "fog"
