"""PURE. What clients of Etherscan send, parsed once; refused in Etherscan's words where it has some."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from evm.primitives import Address, Hash32
from explorer_api.etherscan.envelope import Refused
from explorer_api.parameters import address_of, hash_of
from service.http.problems import BadParameter

ROWS_MAX = 10_000
BLOCK_MAX = 2**62
ADDRESSES_MAX = 20
TAGS = ("latest", "earliest", "pending", "safe", "finalized")

_DECIMAL = re.compile(r"[0-9]{1,19}\Z")
_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}\Z")
_DATA = re.compile(r"0x(?:[0-9a-fA-F]{2})*\Z")


@dataclass(frozen=True, slots=True)
class Window:
    """The rows of a page, and how many stand before it."""

    rows: int
    skipped: int


class Parameters:
    """The query of a request; names are read without regard to case, as Etherscan does."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = {name.lower(): value.strip() for name, value in given.items()}

    def text(self, name: str) -> str | None:
        """What was given, None for nothing or an empty text."""
        return self._given.get(name.lower()) or None

    def address(self, name: str = "address") -> Address:
        found = self.optional_address(name)
        if found is None:
            raise Refused(f"Error! Missing {name}")
        return found

    def optional_address(self, name: str) -> Address | None:
        text = self.text(name)
        return None if text is None else _address(text)

    def addresses(self, name: str, most: int = ADDRESSES_MAX) -> list[Address]:
        texts = (self.text(name) or "").split(",")
        if texts == [""]:
            raise Refused(f"Error! Missing {name}")
        if len(texts) > most:
            raise Refused(f"Maximum number of addresses is {most}, not {len(texts)}")
        return [_address(text.strip()) for text in texts]

    def hash(self, name: str = "txhash") -> Hash32:
        found = self.optional_hash(name)
        if found is None:
            raise Refused(f"Error! Missing {name}")
        return found

    def optional_hash(self, name: str) -> Hash32 | None:
        text = self.text(name)
        if text is None:
            return None
        try:
            return hash_of(name, text)
        except BadParameter as error:
            raise Refused(f"Error! Invalid {name} format: {error.detail}") from error

    def number(self, name: str) -> int:
        text = self.text(name)
        if text is None:
            raise Refused(f"Error! Missing {name}")
        return _number(name, text)

    def blocks(self, first: str = "startblock", last: str = "endblock") -> tuple[int, int]:
        """First and last block of a range; from the beginning to the end where nothing is said."""
        return self._block(first, 0), self._block(last, BLOCK_MAX)

    def window(self, rows: int = ROWS_MAX, most: int = ROWS_MAX) -> Window:
        """`page` and `offset`: Etherscan's offset is the size of a page."""
        page = _number("page", self.text("page") or "1") or 1
        size = _number("offset", self.text("offset") or "0") or rows
        if page * size > ROWS_MAX:
            raise Refused(
                None,
                f"Result window is too large, PageNo x Offset size must be less than or equal to {ROWS_MAX}",
            )
        size = min(size, most)
        return Window(size, (page - 1) * size)

    def descending(self) -> bool:
        return self.one_of("sort", ("asc", "desc")) == "desc"

    def one_of(self, name: str, allowed: tuple[str, ...]) -> str:
        """One of the words, the first where nothing is said."""
        text = (self.text(name) or allowed[0]).lower()
        if text not in allowed:
            raise Refused(f"Error! Invalid {name}: allowed is {' or '.join(allowed)}")
        return text

    def tag(self, name: str = "tag") -> str:
        """A block as the node takes it: a tag, or a number as a quantity."""
        text = (self.text(name) or "latest").lower()
        return text if text in TAGS else hex(_number(name, text))

    def quantity(self, name: str) -> str | None:
        """A number as JSON-RPC writes it, given in either spelling."""
        text = self.text(name)
        if text is None:
            return None
        if _QUANTITY.match(text):
            return hex(int(text, 16))
        return hex(_number(name, text))

    def data(self, name: str) -> str | None:
        text = self.text(name)
        if text is not None and not _DATA.match(text):
            raise Refused(f"Error! Invalid {name}: allowed is 0x and pairs of hexadecimal digits")
        return text

    def _block(self, name: str, default: int) -> int:
        text = self.text(name)
        if text is None or text.lower() in {"latest", "pending"}:
            return default if text is None else BLOCK_MAX
        return 0 if text.lower() == "earliest" else min(_number(name, text), BLOCK_MAX)


def _address(text: str) -> Address:
    try:
        return address_of("address", text)
    except BadParameter as error:
        raise Refused(f"Error! Invalid address format: {error.detail}") from error


def _number(name: str, text: str) -> int:
    if _QUANTITY.match(text) and len(text) <= 18:
        return int(text, 16)
    if not _DECIMAL.match(text):
        raise Refused(f"Error! Invalid {name}: allowed is a number from 0 on")
    return int(text)
