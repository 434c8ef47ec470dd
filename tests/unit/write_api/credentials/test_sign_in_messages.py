from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from write_api.credentials.sign_in_messages import MessageMalformed, SignInMessage, parse, to_text

# EIP-4361, the example with resources, with an address whose checksum is right.
EXAMPLE = """example.com wants you to sign in with your Ethereum account:
0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2

I accept the ExampleOrg Terms of Service: https://example.com/tos

URI: https://example.com/login
Version: 1
Chain ID: 1
Nonce: 32891756
Issued At: 2021-09-30T16:25:24Z
Resources:
- ipfs://bafybeiemxf5abjwjbikoz4mc3a3dla6ual3jsgpdr4cjr3oz3evfyavhwq/
- https://example.com/my-web2-claim.json"""
ISSUED = datetime(2021, 9, 30, 16, 25, 24, tzinfo=UTC)
LINES = EXAMPLE.split("\n")
FULL = "\n".join(
    [*LINES[:10], "Expiration Time: 2021-09-30T17:25:24Z", "Not Before: 2021-09-30T16:00:00Z", "Request ID: a%20b", *LINES[10:]]
)  # fmt: skip


def test_parse_of_the_published_example_gives_its_fields() -> None:
    assert parse(EXAMPLE) == SignInMessage(
        domain="example.com",
        address=bytes.fromhex("C02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2"),
        statement="I accept the ExampleOrg Terms of Service: https://example.com/tos",
        uri="https://example.com/login",
        chain_id=1,
        nonce="32891756",
        issued_at=ISSUED,
        resources=(
            "ipfs://bafybeiemxf5abjwjbikoz4mc3a3dla6ual3jsgpdr4cjr3oz3evfyavhwq/",
            "https://example.com/my-web2-claim.json",
        ),
    )
    assert to_text(parse(EXAMPLE)) == EXAMPLE


def test_parse_of_the_published_example_with_scheme_and_port() -> None:
    # EIP-4361, the example with an explicit scheme and port, and without statement or resources
    text = "\n".join(
        ["https://example.com:3388" + LINES[0].removeprefix("example.com"), LINES[1], "", "", *LINES[5:10]]
    )
    found = parse(text)
    assert (found.scheme, found.domain, found.statement) == ("https", "example.com:3388", None)
    assert to_text(found) == text


def test_parse_of_every_optional_field() -> None:
    found = parse(FULL)
    assert found.expiration_time == ISSUED + timedelta(hours=1)
    assert found.not_before == ISSUED - timedelta(minutes=25, seconds=24)
    assert found.request_id == "a%20b"
    assert to_text(found) == FULL


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("2021-09-30T16:25:24.000Z", ISSUED),
        ("2021-09-30T18:25:24+02:00", ISSUED),
        ("2021-09-30t16:25:24z", ISSUED),
        ("2021-09-30T16:25:24.5Z", ISSUED + timedelta(milliseconds=500)),
        ("2021-09-30T16:25:24.123456789Z", ISSUED + timedelta(microseconds=123456)),
    ],
)
def test_parse_takes_the_times_of_rfc_3339(written: str, means: datetime) -> None:
    assert parse(EXAMPLE.replace("2021-09-30T16:25:24Z", written)).issued_at == means


@pytest.mark.parametrize("leave_out", [0, 1, 2, 4, 5, 6, 7, 8, 9])
def test_parse_without_a_line_refused(leave_out: int) -> None:
    with pytest.raises(MessageMalformed):
        parse("\n".join(line for number, line in enumerate(LINES) if number != leave_out))


@pytest.mark.parametrize("first", range(5, 15))
def test_parse_with_two_lines_in_another_order_refused(first: int) -> None:
    lines = FULL.split("\n")
    lines[first], lines[first - 1] = lines[first - 1], lines[first]
    with pytest.raises(MessageMalformed):
        parse("\n".join(lines))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("example.com wants", " wants"),
        ("example.com wants", "exa mple.com wants"),
        ("example.com wants", "example.com/x wants"),
        ("example.com wants", "ex\u0430mple.com wants"),
        ("Ethereum account:", "Ethereum account: "),
        ("0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2", "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"),
        ("0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2", "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756CC2"),
        ("0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2", "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc"),
        ("I accept", "\nI accept"),
        ("I accept", "I\naccept"),
        ("I accept", "I\taccept"),
        ("I accept", 'I "accept"'),
        ("URI: https://example.com/login", "URI: no_scheme_there"),
        ("URI: https://example.com/login", "URI: https://example.com/a b"),
        ("URI: https://example.com/login", "URI: https://example.com/%zz"),
        ("URI: https://example.com/login", "URI: "),
        ("Version: 1", "Version: 2"),
        ("Version: 1", "Version: 01"),
        ("Chain ID: 1", "Chain ID: "),
        ("Chain ID: 1", "Chain ID: -1"),
        ("Chain ID: 1", "Chain ID: 0x1"),
        ("Chain ID: 1", "Chain ID: \u0661"),
        ("Chain ID: 1", "Chain ID: " + "1" * 21),
        ("Nonce: 32891756", "Nonce: 3289175"),
        ("Nonce: 32891756", "Nonce: 3289-1756"),
        ("Issued At: 2021", "Issued At: Thu 2021"),
        ("2021-09-30T16", "2021-09-31T16"),
        ("2021-09-30T16", "2021-09-30 16"),
        ("2021-09-30T16:25:24Z", "2021-09-30T16:25:24"),
        ("2021-09-30T16:25:24Z", "0001-01-01T00:00:00+23:59"),
        ("2021-09-30T16:25:24Z", "2021-09-30"),
        ("2021-09-30T16:25:24Z", "2021-W39-4T16:25:24Z"),
        ("- ipfs://", "- ipfs//"),
        ("- ipfs://", "ipfs://"),
        ("claim.json", "claim.json - https://example.com"),
        ("claim.json", "claim.json\n"),
        ("claim.json", "claim.json\nRequest ID: 1"),
        ("\n", "\r\n"),
    ],
)  # fmt: skip
def test_parse_of_another_form_refused(old: str, new: str) -> None:
    assert EXAMPLE.replace(old, new) != EXAMPLE
    with pytest.raises(MessageMalformed):
        parse(EXAMPLE.replace(old, new))


def test_parse_of_more_than_4096_characters_refused() -> None:
    statement = "a" * (4096 - len(EXAMPLE.replace(LINES[3], "")))
    assert parse(EXAMPLE.replace(LINES[3], statement)).statement == statement
    with pytest.raises(MessageMalformed, match="4096"):
        parse(EXAMPLE.replace(LINES[3], statement + "a"))


@pytest.mark.parametrize(
    "change",
    [
        {"statement": "one\nURI: https://evil.example"},
        {"statement": ""},
        {"statement": "\u0645\u0631\u062d\u0628\u0627"},
        {"domain": "example.com wants you to sign in with your Ethereum account:\n0x"},
        {"nonce": "short"},
        {"chain_id": -1},
        {"uri": "https://example.com\nVersion: 1"},
        {"scheme": "https://a"},
        {"resources": ("https://a\n- https://b",)},
    ],
)  # fmt: skip
def test_to_text_of_what_would_read_otherwise_refused(change: dict[str, object]) -> None:
    with pytest.raises(MessageMalformed):
        to_text(replace(parse(EXAMPLE), **change))  # type: ignore[arg-type]


_URI_CHARACTERS = "abcXYZ019-._~:/?#[]@!$&'()*+,;="
_times = st.datetimes(datetime(1970, 1, 2), datetime(9999, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
_uris = st.text(_URI_CHARACTERS, max_size=40).map(lambda rest: f"https:{rest}")
messages = st.builds(
    SignInMessage,
    domain=st.text("abcXYZ019-._~!$&'()*+,;=:@", min_size=1, max_size=40),
    address=st.binary(min_size=20, max_size=20),
    uri=_uris,
    chain_id=st.integers(0, 10**20 - 1),
    nonce=st.text("abcXYZ019", min_size=8, max_size=40),
    issued_at=_times,
    scheme=st.none() | st.just("https"),
    statement=st.none() | st.text(_URI_CHARACTERS + " ", min_size=1, max_size=80),
    expiration_time=st.none() | _times,
    not_before=st.none() | _times,
    request_id=st.none() | st.text("aZ9-._~!$&'()*+,;=:@", max_size=20),
    resources=st.none() | st.lists(_uris, max_size=4).map(tuple),
)


@given(messages)
def test_parse_of_to_text_is_the_message(message: SignInMessage) -> None:
    text = to_text(message)
    assert parse(text) == message
    assert to_text(parse(text)) == text


@given(st.text(max_size=200), st.integers(0, len(FULL)), st.integers(0, 40))
def test_parse_of_any_text_is_a_message_or_refused(text: str, at: int, length: int) -> None:
    for each in (text, FULL[:at] + text + FULL[at + length :]):
        try:
            message = parse(each)
        except MessageMalformed:
            continue
        assert parse(to_text(message)) == message
