"""One 32-byte word, checked and made JSON-ready: the expressions that generated source is made of."""

from dataclasses import dataclass

from evm.abi.outcome import Fault, JsonValue
from evm.abi.types import WORD, Kind, Word


@dataclass(frozen=True, slots=True)
class WordCode:
    """`wrong` is true of a word that holds no such value, empty when every word holds one."""

    value: str
    wrong: str = ""
    fault: Fault = Fault.PADDING


def word_code(word: Word, name: str) -> WordCode:
    """Expressions over the variable `name`.

    Big-endian words compare as bytes exactly as the numbers in them, so no number is made to check one.
    """
    match word.kind:
        case Kind.UINT | Kind.UFIXED:
            wrong = "" if word.size == 256 else f"{name} > {_word(2**word.size - 1)}"
            return WordCode(_number_text(word, name, f"number({name})"), wrong, Fault.RANGE)
        case Kind.INT | Kind.FIXED:
            largest, smallest = _word(2 ** (word.size - 1) - 1), _word(2**256 - 2 ** (word.size - 1))
            wrong = "" if word.size == 256 else f"{largest} < {name} < {smallest}"
            signed = f"number({name}) if {name} <= {largest} else number({name}) - {2**256}"
            return WordCode(_number_text(word, name, signed), wrong, Fault.RANGE)
        case Kind.ADDRESS:
            # Lower case: one spelling to compare and join by, the database's own; a checksum is for showing.
            return WordCode(f'"0x" + {name}[12:].hex()', f"{name} > {_word(2**160 - 1)}")
        case Kind.BOOL:
            return WordCode(f"{name} == {_word(1)}", f"{name} > {_word(1)}", Fault.RANGE)
        case Kind.BYTES | Kind.FUNCTION:
            if word.size == WORD:
                return WordCode(f'"0x" + {name}.hex()')
            return WordCode(
                f'"0x" + {name}[:{word.size}].hex()', f"{name}[{word.size}:] != {bytes(WORD - word.size)!r}"
            )


def decimal_text(number: int, places: int) -> str:
    """Exact decimal text of `number` / 10**`places`, with all its places."""
    digits = str(abs(number)).rjust(places + 1, "0")
    return f"{'-' if number < 0 else ''}{digits[:-places]}.{digits[-places:]}"


def text_value(data: bytes) -> JsonValue:
    """A string, or {"hex": …} where it is no UTF-8 or holds U+0000, which PostgreSQL's jsonb refuses."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return {"hex": "0x" + data.hex()}
    return {"hex": "0x" + data.hex()} if "\0" in text else text


def _number_text(word: Word, name: str, number: str) -> str:
    if word.places:
        return f"decimal_text({number}, {word.places})"
    # Half the amounts of a Swap are zero, and making text of a number is the dearest step.
    return f"str({number}) if {name} != {_word(0)} else '0'"


def _word(number: int) -> str:
    return repr(number.to_bytes(WORD, "big"))
