"""Byte streams cut at will, for what reads and writes them."""

from collections.abc import AsyncIterator, Iterable, Sequence
from itertools import pairwise

from hypothesis import strategies as st


async def streamed(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def joined(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


def cut(content: bytes, at: Iterable[int]) -> list[bytes]:
    """`content` cut at the given places, of which some may be the same: then a chunk is empty."""
    places = [0, *sorted(each % (len(content) + 1) for each in at), len(content)]
    return [content[a:b] for a, b in pairwise(places)]


def cuts(places_max: int = 8) -> st.SearchStrategy[Sequence[int]]:
    return st.lists(st.integers(0, 2**20), max_size=places_max)
