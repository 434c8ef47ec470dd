"""Why a call failed: Solidity's `Error(string)` and `Panic(uint256)`, or an error that an ABI declares."""

from collections.abc import Mapping
from dataclasses import dataclass

from evm.abi.decoders import ErrorDecoder, error_decoder
from evm.abi.entries import SELECTOR_BYTES, CustomError
from evm.abi.outcome import Arguments, Undecodable
from evm.abi.types import Blob, Component, Kind, Word

# Solidity documentation, "Panic via assert and Error via require".
PANICS = {
    0x00: "a panic that the compiler inserted",
    0x01: "an assertion failed",
    0x11: "arithmetic overflow or underflow",
    0x12: "division or modulo by zero",
    0x21: "a value too big or negative for an enum",
    0x22: "a storage byte array that is encoded wrongly",
    0x31: "pop of an empty array",
    0x32: "array index out of bounds",
    0x41: "too much memory allocated, or too large an array",
    0x51: "call of a function variable that was never set",
}

ERROR = error_decoder(CustomError("Error", (Component("message", Blob(is_text=True)),)))
PANIC = error_decoder(CustomError("Panic", (Component("code", Word(Kind.UINT, 256)),)))
_BUILT_IN = {decoder.error.selector: decoder for decoder in (ERROR, PANIC)}


@dataclass(frozen=True, slots=True)
class Revert:
    """The error that a call ended with; `reason` is its sentence, for people, where it has one."""

    error: CustomError
    arguments: Arguments
    reason: str | None = None


def decode_revert(data: bytes, errors: Mapping[bytes, ErrorDecoder]) -> Revert | Undecodable | None:
    """What revert data says; `errors` are the contract's own by selector. None when no error is known by it.

    A call that reverts without data, or runs out of gas, says nothing: None as well.
    """
    selector = data[:SELECTOR_BYTES]
    decoder = _BUILT_IN.get(selector) or errors.get(selector)
    if decoder is None:
        return None
    arguments = decoder.decode(data)
    if isinstance(arguments, Undecodable):
        return arguments
    return Revert(decoder.error, arguments, _reason(decoder, arguments))


def _reason(decoder: ErrorDecoder, arguments: Arguments) -> str | None:
    if decoder is ERROR:
        message = arguments["message"]
        return message if isinstance(message, str) else None
    if decoder is PANIC:
        code = int(str(arguments["code"]))
        return PANICS.get(code, f"panic code {code:#x}")
    return None
