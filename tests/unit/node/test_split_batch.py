"""A batch's answer is cut into its responses without being read; what is cut wrongly is never believed."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.errors import AnswerGarbled, CallRejected
from node.jsonrpc import Response, decode_one, split_batch

VALUE: "msgspec.json.Decoder[Response[Any]]" = msgspec.json.Decoder(Response[Any])

# Text that looks like the start of a response, and what JSON must escape.
_TEXTS = st.text() | st.sampled_from(['{"jsonrpc":', '},{"jsonrpc":"2.0"', "j", '"', "\\", "]", "\n"])
_RESULTS = st.recursive(
    st.none() | st.integers(-(2**53), 2**53) | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=12,
)


def batch(results: list[Any], *, ids: list[int] | None = None) -> bytes:
    return msgspec.json.encode(
        [
            {"jsonrpc": "2.0", "id": index if ids is None else ids[index], "result": result}
            for index, result in enumerate(results)
        ]
    )


def read(pieces: list[memoryview]) -> list[Any]:
    return [
        decode_one(piece, VALUE, position, endpoint="node", method="eth_call")
        for position, piece in enumerate(pieces)
    ]


@given(st.lists(_RESULTS, min_size=1, max_size=6), st.sampled_from([b"", b"\n", b" \r\n"]))
def test_split_batch_of_any_results_gives_each_response_or_nothing(results: list[Any], end: bytes) -> None:
    raw = batch(results) + end
    pieces = split_batch(raw, len(results))
    if pieces is None:
        # An object within a result may begin like a response: then nothing is cut.
        assert raw.count(b'{"jsonrpc":') > len(results)
    else:
        assert read(pieces) == results


@pytest.mark.parametrize(
    ("raw", "count"),
    [
        (b'[{"jsonrpc":"2.0","id":0,"result":1}]', 2),
        (b'[{"jsonrpc":"2.0","id":0,"result":1},{"jsonrpc":"2.0","id":1,"result":1}]', 1),
        (b'{"jsonrpc":"2.0","id":null,"error":{"code":-32005,"message":"too many"}}', 1),
        (b'[{"id":0,"jsonrpc":"2.0","result":1}]', 1),
        (b'[ { "jsonrpc": "2.0", "id": 0, "result": 1 } ]', 1),
        (b'[{"jsonrpc":"2.0","id":0,"result":1}', 1),
        (b'[{"jsonrpc":"2.0","id":0,"result":1}, {"jsonrpc":"2.0","id":1,"result":1}]', 2),
        (b"", 1),
        (b"<html>", 1),
    ],
    ids=[
        "too few",
        "too many",
        "an object",
        "another order",
        "spaces",
        "cut off",
        "a space",
        "nothing",
        "no JSON",
    ],
)
def test_split_batch_of_another_shape_gives_nothing(raw: bytes, count: int) -> None:
    assert split_batch(raw, count) is None


def test_decode_one_of_another_call_is_garbled() -> None:
    pieces = split_batch(batch(["0x1", "0x2"], ids=[1, 0]), 2)
    assert pieces is not None
    with pytest.raises(AnswerGarbled, match="id 1 in place 0"):
        read(pieces)


def test_decode_one_of_an_error_raises_what_it_means() -> None:
    raw = b'[{"jsonrpc":"2.0","id":0,"error":{"code":-32602,"message":"Invalid params"}}]'
    pieces = split_batch(raw, 1)
    assert pieces is not None
    with pytest.raises(CallRejected, match="Invalid params"):
        read(pieces)
