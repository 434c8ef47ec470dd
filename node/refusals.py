"""Batches in which the node may refuse one call and answer the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import msgspec

from node.endpoint import Endpoint
from node.errors import AnswerTooLarge, CallRejected, NodeRefused
from node.jsonrpc import Decoder, Response, error_of

T = TypeVar("T")

_DETAIL_CHARACTERS_MAX = 300


@dataclass(frozen=True, slots=True)
class Refusal:
    """The node's no to one call: a revert, a state it no longer has, an answer beyond what is read."""

    code: int | None
    detail: str


class Refusable(Generic[T]):
    """A decoder of batches that takes what one call is refused with as that call's result.

    What concerns more than the call (access, an unknown method, a limit) stays an error of the batch.
    """

    def __init__(self, result: type[T]) -> None:
        self._decoder = msgspec.json.Decoder(list[Response[result]])  # type: ignore[valid-type]

    def decode(self, raw: bytes) -> list[Response[T | Refusal]]:
        responses: list[Response[T | Refusal]] = self._decoder.decode(raw)
        for response in responses:
            if response.error is None:
                continue
            meaning = error_of(response.error, "", "", server_error_passes=False)
            # NodeRefused: "internal error", as Besu calls running out of gas or an invalid opcode.
            if isinstance(meaning, CallRejected) or type(meaning) is NodeRefused:
                detail = str(response.error.message)[:_DETAIL_CHARACTERS_MAX]
                response.result, response.error = Refusal(response.error.code, detail), None
        return responses


ANYTHING: Final = Refusable(Any)


async def call_each(
    endpoint: Endpoint, method: str, params: Sequence[str], decoder: Refusable[T]
) -> list[T | Refusal | None]:
    """Results in the order of `params`; where one answer alone is too much to read, a Refusal says so."""
    refusable: Decoder[T | Refusal] = decoder
    try:
        results, _ = await endpoint.batch(method, params, refusable, endpoint.call_limit)
    except AnswerTooLarge as error:
        if len(params) == 1:
            return [Refusal(None, error.detail or f"HTTP {error.status}")]
    else:
        return results
    found: list[T | Refusal | None] = []
    for each in params:  # one of them spoils every batch it is in
        alone: list[T | Refusal | None] = await call_each(endpoint, method, [each], decoder)
        found += alone
    return found
