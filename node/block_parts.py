"""Blocks with their receipts from one endpoint, in batches, checked (invariant 5).

All parts of a block come from the same endpoint: two nodes may stand on two branches.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from node.checks import check_block, check_header, unverifiable_parts
from node.endpoint import Endpoint, ReceiptsBy
from node.errors import AnswerTooLarge, BlockMissing, CallRejected, MethodMissing, NodeInconsistent
from node.jsonrpc import (
    BLOCK,
    BLOCK_RECEIPTS,
    BLOCKS,
    HEADERS,
    RECEIPTS,
    RECEIPTS_OF_BLOCK,
    decode_one,
    split_batch,
)
from node.wire import FetchedBlock, WireBlock, WireHeader, WireReceipt

_INVALID_PARAMS = -32602


@dataclass(frozen=True, slots=True)
class UnreadBlock:
    """A block and its receipts as one endpoint sent them: JSON of which nothing is known yet."""

    number: int
    position: int
    endpoint: Endpoint
    block: memoryview
    receipts: memoryview

    @property
    def size_bytes(self) -> int:
        return len(self.block) + len(self.receipts)


async def fetch_unread(endpoint: Endpoint, numbers: Sequence[int]) -> list[UnreadBlock] | None:
    """The answers about `numbers`, both questions asked at once; None where this endpoint needs another way.

    Receipts are asked for by number: the checks find out when the block was replaced in between.
    """
    if (
        not endpoint.splits_batches
        or endpoint.receipts_by is ReceiptsBy.TRANSACTION
        or len(numbers) > endpoint.block_limit.size
    ):
        return None
    started_s = time.perf_counter()
    answers = await asyncio.gather(
        endpoint.raw_batch("eth_getBlockByNumber", [f'"{number:#x}",true' for number in numbers]),
        endpoint.raw_batch("eth_getBlockReceipts", [f'"{number:#x}"' for number in numbers]),
        return_exceptions=True,
    )
    pieces: list[list[memoryview]] = []
    for answer in answers:
        if isinstance(answer, AnswerTooLarge):
            return None
        if isinstance(answer, BaseException):
            raise answer
        split = split_batch(answer, len(numbers))
        if split is None:
            # An array spelt in another way stays so; an object is a refusal, which asking again looks at.
            endpoint.splits_batches = answer[:1] != b"["
            return None
        pieces.append(split)
    endpoint.block_limit.answered(len(numbers), time.perf_counter() - started_s)
    endpoint.health.answered()
    blocks, receipts = pieces
    return [
        UnreadBlock(number, position, endpoint, blocks[position], receipts[position])
        for position, number in enumerate(numbers)
    ]


def read_block(unread: UnreadBlock, *, full: bool) -> FetchedBlock | None:
    """The checked block (invariant 5); None where it must be asked for again by `fetch_numbered`.

    So it is with a transaction of an unknown type, of which the whole object is kept. Raises any NodeError.

    One block is read at a time and its rows made before the next: what is touched again stays in the
    processor's cache, twice as fast as reading a batch first.
    """
    host, number = unread.endpoint.host, unread.number
    block = decode_one(unread.block, BLOCK, unread.position, endpoint=host, method="eth_getBlockByNumber")
    receipts = decode_one(
        unread.receipts, RECEIPTS_OF_BLOCK, unread.position, endpoint=host, method="eth_getBlockReceipts"
    )
    if block is None or receipts is None:
        raise BlockMissing(host, number)
    if block.number != hex(number):
        raise NodeInconsistent("number", number, block.hash, f"the answer is block {block.number}")
    if unverifiable_parts(block):
        return None
    header, consensus = check_block(block, receipts, full=full)
    return FetchedBlock(
        block=block,
        receipts=receipts,
        size_bytes=unread.size_bytes,
        header=header,
        number=header.number,
        consensus=consensus,
        endpoint=host,
    )


async def fetch_numbered(endpoint: Endpoint, numbers: Sequence[int], *, full: bool) -> list[FetchedBlock]:
    """Checked blocks in the order of `numbers`; raises BlockMissing where one is null."""
    params = [f'"{number:#x}",true' for number in numbers]
    blocks, size_bytes = await endpoint.batch("eth_getBlockByNumber", params, BLOCKS, endpoint.block_limit)
    present: list[WireBlock] = []
    for number, block in zip(numbers, blocks, strict=True):
        if block is None:
            raise BlockMissing(endpoint.host, number)
        if block.number != hex(number):
            raise NodeInconsistent("number", number, block.hash, f"the answer is block {block.number}")
        present.append(block)
    return await _with_receipts(endpoint, present, size_bytes, full=full)


async def fetch_by_hash(endpoint: Endpoint, block_hash: str, *, full: bool) -> FetchedBlock | None:
    """The checked block, None where the endpoint has none of this hash."""
    (block,), size_bytes = await endpoint.batch(
        "eth_getBlockByHash", [f'"{block_hash}",true'], BLOCKS, endpoint.block_limit
    )
    if block is None:
        return None
    if block.hash != block_hash.lower():
        raise NodeInconsistent("hash", None, block_hash, f"the answer has hash {block.hash}")
    (fetched,) = await _with_receipts(endpoint, [block], size_bytes, full=full)
    return fetched


async def fetch_header(endpoint: Endpoint, block: int | str) -> WireHeader | None:
    """The checked header of a number, a tag or a hash (66 characters); None where there is none."""
    text = hex(block) if isinstance(block, int) else block
    by_hash = len(text) == 66
    method = "eth_getBlockByHash" if by_hash else "eth_getBlockByNumber"
    (header,), _ = await endpoint.batch(method, [f'"{text}",false'], HEADERS, endpoint.call_limit)
    if header is None:
        return None
    if by_hash and header.hash != text.lower():
        raise NodeInconsistent("hash", None, text, f"the answer has hash {header.hash}")
    if isinstance(block, int) and header.number != text:
        raise NodeInconsistent("number", block, header.hash, f"the answer is block {header.number}")
    check_header(header)
    return header


async def _with_receipts(
    endpoint: Endpoint, blocks: Sequence[WireBlock], size_bytes: int, *, full: bool
) -> list[FetchedBlock]:
    # A block without transactions has no receipts to ask for: its header's root and bloom say so (checks).
    asked = [block for block in blocks if block.transactions]
    receipts, receipt_bytes = await _fetch_receipts(endpoint, asked) if asked else ([], 0)
    by_hash = dict(zip((block.hash for block in asked), receipts, strict=True))
    weights = [1 + len(block.transactions) for block in blocks]
    bytes_per_weight = (size_bytes + receipt_bytes) / sum(weights)
    fetched: list[FetchedBlock] = []
    for block, weight in zip(blocks, weights, strict=True):
        parts = by_hash.get(block.hash, [])
        header, consensus = check_block(block, parts, full=full)
        fetched.append(
            FetchedBlock(
                block=block,
                receipts=parts,
                size_bytes=int(weight * bytes_per_weight),
                header=header,
                number=header.number,
                consensus=consensus,
                endpoint=endpoint.host,
                unverifiable=unverifiable_parts(block),
            )
        )
        # Each check takes about 100 µs; other requests and COPY go on in between.
        await asyncio.sleep(0)
    return fetched


async def _fetch_receipts(
    endpoint: Endpoint, blocks: Sequence[WireBlock]
) -> tuple[list[list[WireReceipt]], int]:
    """Receipts per block; moves on to the next way of asking where the endpoint lacks the better one."""
    while endpoint.receipts_by is not ReceiptsBy.TRANSACTION:
        by = endpoint.receipts_by
        try:
            return await _fetch_block_receipts(endpoint, blocks, by)
        except MethodMissing:
            endpoint.receipts_by = ReceiptsBy.TRANSACTION
        except CallRejected as error:
            if by is not ReceiptsBy.BLOCK_HASH or error.code != _INVALID_PARAMS:
                raise
            endpoint.receipts_by = ReceiptsBy.BLOCK_NUMBER
    return await _fetch_transaction_receipts(endpoint, blocks)


async def _fetch_block_receipts(
    endpoint: Endpoint, blocks: Sequence[WireBlock], by: ReceiptsBy
) -> tuple[list[list[WireReceipt]], int]:
    params = [f'"{block.hash if by is ReceiptsBy.BLOCK_HASH else block.number}"' for block in blocks]
    results, size_bytes = await endpoint.batch(
        "eth_getBlockReceipts", params, BLOCK_RECEIPTS, endpoint.block_limit
    )
    receipts: list[list[WireReceipt]] = []
    for block, result in zip(blocks, results, strict=True):
        if result is None:
            raise _receipts_missing(block, "eth_getBlockReceipts is null")
        receipts.append(result)
    return receipts, size_bytes


async def _fetch_transaction_receipts(
    endpoint: Endpoint, blocks: Sequence[WireBlock]
) -> tuple[list[list[WireReceipt]], int]:
    params = [f'"{transaction.hash}"' for block in blocks for transaction in block.transactions]
    results, size_bytes = await endpoint.batch(
        "eth_getTransactionReceipt", params, RECEIPTS, endpoint.call_limit
    )
    answers = iter(results)
    receipts: list[list[WireReceipt]] = []
    for block in blocks:
        parts: list[WireReceipt] = []
        for transaction in block.transactions:
            receipt = next(answers)
            if receipt is None:
                raise _receipts_missing(block, f"receipt of {transaction.hash} is null")
            parts.append(receipt)
        receipts.append(parts)
    return receipts, size_bytes


def _receipts_missing(block: WireBlock, detail: str) -> NodeInconsistent:
    """The block was replaced between two questions, or its receipts are not written yet."""
    return NodeInconsistent("receipts_missing", int(block.number, 16), block.hash, detail)
