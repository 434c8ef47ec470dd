"""Chains that no recording is long or large enough for, made of one while they are served.

Repeated: numbers, links, block hashes, times and transaction hashes are new in every block, everything
else comes again. Fat: blocks as recorded, but for inputs that fill them. Both pass the light checks.
"""

import random
import re
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from operator import itemgetter
from pathlib import Path
from typing import Any, overload

import msgspec

from benchmarks.chain import BLOCK_TIME_S, GENESIS_TIME, Chain, load
from evm import rlp
from evm.consensus import header_fields
from evm.primitives import keccak256
from node.wire import WireBlock, to_header

RECORDED, REPEATED = "recorded", "repeated"

# Repeated are blocks of 20 transactions from the midst of the recording.
SOURCE_FIRST, SOURCE_BLOCKS = 1_000, 2_000
_FAT_FIRST = SOURCE_FIRST
_PARENT, _NUMBER, _TIMESTAMP = 0, 8, 11  # places in the header's RLP list
_TRANSACTIONS = 4  # where they begin among a block's own values, after hash, parent, number and time
# What may be one of those values.
_VARIES = re.compile(
    rb'("0x[0-9a-f]{64}"|(?<="blockNumber":)"[^"]*"|(?<="number":)"[^"]*"|(?<="timestamp":)"[^"]*")'
)


def made(path: Path, blocks: int | None, shape: str) -> Chain:
    """The recording's first `blocks`; or `blocks` repeated ones, or fat ones of `shape` bytes."""
    if shape == RECORDED:
        return load(path, blocks)
    assert blocks is not None
    source = load(path, SOURCE_FIRST + SOURCE_BLOCKS)
    return repeated(source, blocks) if shape == REPEATED else fat(source, blocks, int(shape))


def repeated(source: Chain, count: int) -> Chain:
    """Block 0 as recorded, then the source's blocks again and again."""
    chain = _Repeated(source, count)
    return Chain(
        source.path, _Rendered(chain.block, count), _Rendered(chain.receipts, count), chain.hash_texts
    )


def fat(source: Chain, count: int, block_bytes: int) -> Chain:
    """Blocks of `block_bytes` of JSON, receipts not counted: inputs of random bytes make up the rest."""
    part = repeated(source, count)
    rng = random.Random(block_bytes)
    # 20 inputs cut from it at other places in every block: unlike one another, and made quickly.
    material = rng.randbytes(block_bytes).hex().encode()

    def block(number: int) -> bytes:
        slim = part.blocks[number]
        inputs = list(re.finditer(rb'"input":"0x([0-9a-f]*)"', slim))
        if not inputs:
            return slim
        digits = max(0, block_bytes - len(slim)) // len(inputs) // 2 * 2
        start, pieces = 0, []
        for match in inputs:
            offset = rng.randrange(0, len(material) - digits) // 2 * 2
            pieces += [slim[start : match.start(1)], material[offset : offset + digits]]
            start = match.start(1)
        return b"".join([*pieces, slim[start:]])

    blocks = [block(number) for number in range(count)]
    return Chain(source.path, blocks, part.receipts, part.hashes)


class _Rendered(Sequence[bytes]):
    """Blocks, or receipts, that are made when they are asked for."""

    def __init__(self, render: Callable[[int], bytes], count: int) -> None:
        self._render, self._count = render, count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, number: int) -> bytes: ...

    @overload
    def __getitem__(self, number: slice) -> Sequence[bytes]: ...

    def __getitem__(self, number: int | slice) -> bytes | Sequence[bytes]:
        assert isinstance(number, int), "one at a time"
        return self._render(number)


class _Template:
    """A text cut where it differs from block to block."""

    def __init__(self, text: bytes, values: Sequence[bytes]) -> None:
        index = {value: place for place, value in enumerate(values)}
        pieces, slots = [b""], []
        for between, found in zip(*[iter([*_VARIES.split(text), b""])] * 2, strict=True):
            pieces[-1] += between
            if found in index:
                slots.append(index[found])
                pieces += [found, b""]
            else:
                pieces[-1] += found
        self._pieces = pieces
        self._pick = itemgetter(*slots)

    def filled(self, values: Sequence[bytes]) -> bytes:
        pieces = self._pieces.copy()
        pieces[1::2] = self._pick(values)
        return b"".join(pieces)


class _Repeated:
    def __init__(self, source: Chain, count: int) -> None:
        self._source = source
        headers = [self._fields(_source_of(number)) for number in range(min(count, SOURCE_BLOCKS + 1))]
        self.hashes: list[bytes] = []
        parent = bytes(32)
        for number in range(count):
            fields = headers[number if number <= SOURCE_BLOCKS else 1 + (number - 1) % SOURCE_BLOCKS]
            fields[_PARENT] = parent
            fields[_NUMBER] = rlp.encode_int(number)
            fields[_TIMESTAMP] = rlp.encode_int(GENESIS_TIME + number * BLOCK_TIME_S)
            parent = keccak256(rlp.encode(fields))
            self.hashes.append(parent)
        self.hash_texts = ["0x" + digest.hex() for digest in self.hashes]
        self._templates = cache(self._cut)
        self._keys = cache(lambda source: self._own_values(source)[_TRANSACTIONS:])
        # All of them now: made on the way, they would slow down the beginning.
        for number in range(min(count, SOURCE_BLOCKS + 1)):
            self._templates(_source_of(number))
        # Blocks and receipts are asked for separately but close to one another.
        self._values = lru_cache(maxsize=256)(self._new_values)

    def block(self, number: int) -> bytes:
        return self._templates(_source_of(number))[0].filled(self._values(number))

    def receipts(self, number: int) -> bytes:
        template = self._templates(_source_of(number))[1]
        return b"[]" if template is None else template.filled(self._values(number))

    def _fields(self, source: int) -> list[Any]:
        return header_fields(to_header(msgspec.json.decode(self._source.blocks[source], type=WireBlock)))

    def _own_values(self, source: int) -> list[bytes]:
        block = msgspec.json.decode(self._source.blocks[source])
        own = [block["hash"], block["parentHash"], block["number"], block["timestamp"]]
        return [f'"{value}"'.encode() for value in [*own, *(each["hash"] for each in block["transactions"])]]

    def _cut(self, source: int) -> tuple[_Template, _Template | None]:
        values = self._own_values(source)
        receipts = self._source.receipts[source]
        block = _Template(self._source.blocks[source], values)
        return block, _Template(receipts, values) if receipts != b"[]" else None

    def _new_values(self, number: int) -> list[bytes]:
        source = _source_of(number)
        parent = self.hashes[number - 1] if number else bytes(32)
        time = GENESIS_TIME + number * BLOCK_TIME_S
        values = [b'"0x%b"' % digest.hex().encode() for digest in (self.hashes[number], parent)]
        values += [b'"%b"' % hex(each).encode() for each in (number, time)]
        # The leading digits, xor a number of the repetition: other keys, as evenly spread as before.
        salt = _salt((number - 1) // SOURCE_BLOCKS)
        return values + [
            b'"0x%016x%b' % (int(text[3:19], 16) ^ salt, text[19:]) for text in self._keys(source)
        ]


def _source_of(number: int) -> int:
    return 0 if number == 0 else SOURCE_FIRST + (number - 1) % SOURCE_BLOCKS


@cache
def _salt(repetition: int) -> int:
    return random.Random(repetition).getrandbits(64)
