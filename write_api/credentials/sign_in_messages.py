"""Messages of "Sign-In with Ethereum" (EIP-4361): text to values and back, one spelling for each.

Linear in the length: a grammar-driven parser takes seconds for 4 KiB made for that end. Of domain and URI
the characters are checked; whoever takes a message compares both whole with what they must be.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from evm.primitives import Address
from write_api.inputs import addresses
from write_api.inputs.errors import InvalidInput

BYTES_MAX: Final = 4096

_WANTS: Final = " wants you to sign in with your Ethereum account:"
# RFC 3986 reserved and unreserved characters, and percent for what is encoded.
_URI: Final = re.compile(
    r"[a-zA-Z][a-zA-Z0-9+.\-]*:(?:[a-zA-Z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9a-fA-F]{2})*"
)
_DOMAIN: Final = re.compile(r"(?:([a-zA-Z][a-zA-Z0-9+.\-]*)://)?([a-zA-Z0-9\-._~!$&'()*+,;=:@%\[\]]+)")
_STATEMENT: Final = re.compile(r"[a-zA-Z0-9\-._~:/?#\[\]@!$&'()*+,;= ]+")
_REQUEST_ID: Final = re.compile(r"(?:[a-zA-Z0-9\-._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})*")
_NONCE: Final = re.compile("[a-zA-Z0-9]{8,128}")
_CHAIN_ID: Final = re.compile("[0-9]{1,20}")
_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:[Zz]|[+\-][0-9]{2}:[0-9]{2})"
)


class MessageMalformed(Exception):
    """Text that is not a message of EIP-4361; `reason` names the field."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the sign-in message is malformed: {reason}")
        self.reason = reason


@dataclass(frozen=True, kw_only=True, slots=True)
class SignInMessage:
    """The fields by their names in EIP-4361."""

    domain: str
    address: Address
    uri: str
    chain_id: int
    nonce: str
    issued_at: datetime
    scheme: str | None = None
    statement: str | None = None
    expiration_time: datetime | None = None
    not_before: datetime | None = None
    request_id: str | None = None
    resources: tuple[str, ...] | None = None


def parse(text: str) -> SignInMessage:
    """The message, of version 1. Raises `MessageMalformed`."""
    if len(text) > BYTES_MAX or not text.isascii():
        raise MessageMalformed(f"{len(text)} characters: at most {BYTES_MAX}, all ASCII, are read")
    lines = _Lines(text)
    scheme, domain = _domain(lines.take())
    address = _address(lines.take())
    lines.take_blank("the address")
    statement = None if lines.at("") else _match(_STATEMENT, lines.take(), "the statement")
    lines.take_blank("the statement")
    uri = _match(_URI, lines.take_field("URI: "), "URI")
    if lines.take_field("Version: ") != "1":
        raise MessageMalformed("its version is not 1")
    return SignInMessage(
        scheme=scheme,
        domain=domain,
        address=address,
        statement=statement,
        uri=uri,
        chain_id=int(_match(_CHAIN_ID, lines.take_field("Chain ID: "), "Chain ID")),
        nonce=_match(_NONCE, lines.take_field("Nonce: "), "Nonce"),
        issued_at=_time(lines.take_field("Issued At: "), "Issued At"),
        expiration_time=_optional_time(lines, "Expiration Time"),
        not_before=_optional_time(lines, "Not Before"),
        request_id=_optional_request_id(lines),
        resources=_resources(lines),
    )


def to_text(message: SignInMessage) -> str:
    """The text to be signed. Raises `MessageMalformed` for values that no message can have."""
    scheme = f"{message.scheme}://" if message.scheme else ""
    lines = [f"{scheme}{message.domain}{_WANTS}", addresses.checksummed(message.address), ""]
    lines += [] if message.statement is None else [message.statement]
    lines += [
        "",
        f"URI: {message.uri}",
        "Version: 1",
        f"Chain ID: {message.chain_id}",
        f"Nonce: {message.nonce}",
        f"Issued At: {_zulu(message.issued_at)}",
    ]
    if message.expiration_time is not None:
        lines.append(f"Expiration Time: {_zulu(message.expiration_time)}")
    if message.not_before is not None:
        lines.append(f"Not Before: {_zulu(message.not_before)}")
    if message.request_id is not None:
        lines.append(f"Request ID: {message.request_id}")
    if message.resources is not None:
        lines += ["Resources:", *(f"- {resource}" for resource in message.resources)]
    text = "\n".join(lines)
    if parse(text) != message:
        raise MessageMalformed("a field holds what would read as another")
    return text


class _Lines:
    """The lines of a message, taken one after another."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._next = 0

    def at(self, prefix: str) -> bool:
        """Whether the next line begins with `prefix`; with "" whether it is blank."""
        if self._next >= len(self._lines):
            return False
        line = self._lines[self._next]
        return line.startswith(prefix) if prefix else not line

    def take(self) -> str:
        if self._next >= len(self._lines):
            raise MessageMalformed("it ends early")
        self._next += 1
        return self._lines[self._next - 1]

    def take_blank(self, after: str) -> None:
        if self.take():
            raise MessageMalformed(f"a blank line is missing after {after}")

    def take_field(self, prefix: str) -> str:
        line = self.take()
        if not line.startswith(prefix):
            raise MessageMalformed(f"{prefix.strip()} is missing or out of order")
        return line.removeprefix(prefix)

    def require_end(self) -> None:
        if self._next < len(self._lines):
            raise MessageMalformed("something follows its last field")


def _match(pattern: re.Pattern[str], text: str, name: str) -> str:
    if pattern.fullmatch(text) is None:
        raise MessageMalformed(f"{name} has a form that is not allowed")
    return text


def _domain(line: str) -> tuple[str | None, str]:
    parts = _DOMAIN.fullmatch(line.removesuffix(_WANTS))
    if not line.endswith(_WANTS) or parts is None:
        raise MessageMalformed("it does not begin with a domain that wants you to sign in")
    return parts[1], parts[2]


def _address(text: str) -> Address:
    try:
        address = addresses.parse(text)
    except InvalidInput as error:
        raise MessageMalformed(f"the address {error.reason}") from error
    if text != addresses.checksummed(address):
        raise MessageMalformed("the address is written without its checksum (EIP-55)")
    return address


def _time(text: str, name: str) -> datetime:
    _match(_TIME, text, name)
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise MessageMalformed(f"{name} is not a time") from error


def _zulu(time: datetime) -> str:
    """RFC 3339 in UTC, without a fraction where there is none."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _optional_time(lines: _Lines, name: str) -> datetime | None:
    prefix = f"{name}: "
    return _time(lines.take_field(prefix), name) if lines.at(prefix) else None


def _optional_request_id(lines: _Lines) -> str | None:
    if not lines.at("Request ID: "):
        return None
    return _match(_REQUEST_ID, lines.take_field("Request ID: "), "Request ID")


def _resources(lines: _Lines) -> tuple[str, ...] | None:
    """The last field: nothing follows it."""
    if not lines.at("Resources:"):
        lines.require_end()
        return None
    if lines.take() != "Resources:":
        raise MessageMalformed("Resources has a form that is not allowed")
    found = []
    while lines.at("- "):
        found.append(_match(_URI, lines.take().removeprefix("- "), "a resource"))
    lines.require_end()
    return tuple(found)
