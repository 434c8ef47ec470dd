"""Events, calls, results and errors with the function that was compiled for each.

A decoder is made once and kept. It gives the arguments or `Undecodable`; no bytes make it raise.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from evm.abi.entries import CustomError, Event, Function
from evm.abi.generate import Generated, arguments_source, event_source
from evm.abi.outcome import Arguments, Undecodable

DecodeLog: TypeAlias = Callable[[Sequence[bytes], bytes], Arguments | Undecodable]
DecodeData: TypeAlias = Callable[[bytes], Arguments | Undecodable]

_DECODERS_KEPT = 4096


@dataclass(frozen=True, slots=True)
class EventDecoder:
    """`decode(topics, data)` of a log; `topics` are 32 bytes each."""

    event: Event
    decode: DecodeLog


@dataclass(frozen=True, slots=True)
class FunctionDecoder:
    """`decode_call` takes a transaction's input with its selector, `decode_result` what the call returned."""

    function: Function
    decode_call: DecodeData
    decode_result: DecodeData


@dataclass(frozen=True, slots=True)
class ErrorDecoder:
    """`decode` takes revert data with its selector."""

    error: CustomError
    decode: DecodeData


@lru_cache(_DECODERS_KEPT)
def event_decoder(event: Event) -> EventDecoder:
    return EventDecoder(event, _compiled(event_source(event), event.signature))


@lru_cache(_DECODERS_KEPT)
def function_decoder(function: Function) -> FunctionDecoder:
    call = _compiled(arguments_source(function.inputs, function.selector), function.signature)
    result = _compiled(arguments_source(function.outputs), f"result of {function.signature}")
    return FunctionDecoder(function, call, result)


@lru_cache(_DECODERS_KEPT)
def error_decoder(error: CustomError) -> ErrorDecoder:
    return ErrorDecoder(error, _compiled(arguments_source(error.inputs, error.selector), error.signature))


def _compiled(made: Generated, title: str) -> Callable[..., Arguments | Undecodable]:
    names = dict(made.names)
    exec(compile(made.source, f"<abi: {title}>", "exec"), names)  # noqa: S102  our own source, of checked names only
    decode: Callable[..., Arguments | Undecodable] = names["decode"]
    return decode
