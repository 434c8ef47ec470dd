"""/api/v1/search: one box for numbers, hashes, addresses, what they begin with, tokens and labels."""

import re
from typing import Annotated

from litestar import Router, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter

from explorer_api.answer import AnswerResponse
from explorer_api.answers.envelope import One
from explorer_api.answers.search import Search
from explorer_api.parameters import BLOCK_NUMBER_MAX
from explorer_api.reading import Explorer, queries
from service.http.problems import BadParameter

CHARACTERS_MAX = 100
EACH_DEFAULT = 5
EACH_MAX = 25
PREFIX_DIGITS_MIN = 6
ADDRESS_DIGITS = 40
HASH_DIGITS = 64

_HEX = re.compile(r"(0[xX])?([0-9a-fA-F]+)\Z")
_HIGHEST_CHARACTER = "\U0010ffff"
_ALLOWED = f"1 to {CHARACTERS_MAX} characters, none of them a control character"


def routes(explorer: Explorer) -> Router:
    @get(
        "/",
        summary="What a text may name",
        operation_id="search",
        responses={200: ResponseSpec(One[Search], description="What was found; nothing is no error")},
    )
    async def search(
        q: Annotated[
            str,
            Parameter(
                description="A block number, a hash, an address, at least six digits that one of these "
                "begins with, or the beginning of a token's symbol or name or of a label."
            ),
        ],
        limit: Annotated[
            int, Parameter(ge=1, le=EACH_MAX, description=f"Results of each type, 1 to {EACH_MAX}.")
        ] = EACH_DEFAULT,
    ) -> AnswerResponse:
        text = q.strip()
        if not 1 <= len(text) <= CHARACTERS_MAX or not text.isprintable():
            raise BadParameter("q", q, _ALLOWED)
        row = await explorer.read(
            queries.select_search,
            limit,
            text,
            block_number(text),
            *digits_range(text, HASH_DIGITS),
            *digits_range(text, ADDRESS_DIGITS),
            text,
            text.lower() + _HIGHEST_CHARACTER,
        )
        return explorer.answer(row)

    return Router("/search", route_handlers=[search], tags=["search"])


def block_number(text: str) -> int | None:
    """The block number that a text is, with or without separators of thousands."""
    digits = text.removeprefix("#").replace(",", "").replace("_", "")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > len(str(BLOCK_NUMBER_MAX)):
        return None
    number = int(digits)
    return number if number <= BLOCK_NUMBER_MAX else None


def digits_range(text: str, digits: int) -> tuple[bytes, bytes] | tuple[None, None]:
    """The lowest and highest value of so many digits that begins so; the same twice where it is whole."""
    found = _HEX.match(text)
    if found is None or (found[1] is None and found[2].isdigit() and len(found[2]) != digits):
        return None, None
    if not PREFIX_DIGITS_MIN <= len(found[2]) <= digits:
        return None, None
    return bytes.fromhex(found[2].ljust(digits, "0")), bytes.fromhex(found[2].ljust(digits, "f"))
