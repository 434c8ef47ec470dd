"""PURE: a fetched block as rows of PostgreSQL's binary COPY format, one column tuple and one row per table.

Values stay the node's hex text until one `unhexlify` per block and table: 1.95 times as fast as packing
integers (benchmarks/). A row is its column count, then each column's byte length and bytes, all as hex.
Lengths of log addresses and topics are proved by the bloom check (invariant 5) before a row is made.
"""

from binascii import unhexlify
from collections.abc import Callable, Iterable, Sequence

import msgspec

from node.wire import FetchedBlock, WireBlock, WireLog, WireReceipt, WireTransaction

TABLES: dict[str, tuple[str, ...]] = {
    "blocks": (
        "number", "hash", "parent_hash", "timestamp", "miner", "gas_limit", "gas_used", "base_fee_per_gas",
        "difficulty", "total_difficulty", "size", "nonce", "mix_hash", "sha3_uncles", "state_root",
        "transactions_root", "receipts_root", "logs_bloom", "extra_data", "withdrawals_root",
        "blob_gas_used", "excess_blob_gas", "parent_beacon_block_root", "requests_hash",
        "block_access_list_hash", "slot_number", "uncles", "withdrawals", "transaction_count", "log_count",
    ),
    "transactions": (
        "block_number", "transaction_index", "hash", "timestamp", "type", "from_address", "to_address",
        "nonce", "value", "gas_limit", "gas_price", "max_fee_per_gas", "max_priority_fee_per_gas",
        "max_fee_per_blob_gas", "input", "chain_id", "v", "r", "s", "access_list", "blob_versioned_hashes",
        "authorization_list", "extra", "status", "root", "cumulative_gas_used", "gas_used",
        "effective_gas_price", "contract_address", "blob_gas_used", "blob_gas_price", "revert_reason",
        "log_count",
    ),
    "logs": (
        "block_number", "log_index", "transaction_index", "address", "topic0", "topic1", "topic2", "topic3",
        "data",
    ),
    "block_locations": ("hash", "number"),
    "transaction_locations": ("hash", "block_number", "transaction_index"),
}  # fmt: skip

_COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_TRAILER = b"\xff\xff"
_POSTGRES_EPOCH_S = 946_684_800  # 2000-01-01T00:00:00Z
_NULL = "ffffffff"
_NO_TOPIC = ("", _NULL, _NULL * 2, _NULL * 3, _NULL * 4)
_INT8_MAX = (1 << 63) - 1
_NUMERIC_BASE = 10_000

_BLOCK_START, _TRANSACTION_START, _LOG_START = (
    f"{len(TABLES[table]):04x}" for table in ("blocks", "transactions", "logs")
)
_BLOCK_LOCATION_START = f"{len(TABLES['block_locations']):04x}00000020"
_TRANSACTION_LOCATION_START = f"{len(TABLES['transaction_locations']):04x}00000020"


class _Memo(dict[str, str]):
    """Encoded values by their text: a hit costs 30 ns, a call 100. Forgets everything when it is full."""

    def __init__(self, encode: Callable[[str], str], entries_max: int) -> None:
        super().__init__()
        self._encode, self._entries_max = encode, entries_max

    def __missing__(self, text: str) -> str:
        if len(self) >= self._entries_max:
            self.clear()
        encoded = self[text] = self._encode(text)
        return encoded


class UnstorableValue(ValueError):
    """A value of the node's that no column can hold: what, where, and its bounds."""


class BlockRows(msgspec.Struct, frozen=True, gc=False):
    """One checked block, ready to be stored: rows as COPY wants them, per table in the order of `TABLES`."""

    number: int
    hash: bytes
    parent_hash: bytes
    timestamp: int
    copy_rows: tuple[bytes, ...]
    transactions: int
    logs: int
    fetched_bytes: int

    @property
    def rows(self) -> int:
        return 2 + 2 * self.transactions + self.logs

    @property
    def memory_bytes(self) -> int:
        return sum(map(len, self.copy_rows))


def block_rows(fetched: FetchedBlock) -> BlockRows:
    """All rows of one block. Raises `UnstorableValue` for a number that its column cannot hold."""
    block, number = fetched.block, fetched.number
    number_hex = _int8(block.number)
    timestamp = int(block.timestamp, 16)
    timestamp_hex = f"00000008{_signed_hex((timestamp - _POSTGRES_EPOCH_S) * 1_000_000)}"
    transactions: list[str] = []
    logs: list[str] = []
    locations: list[str] = []
    transaction_start, log_start = f"{_TRANSACTION_START}{number_hex}", f"{_LOG_START}{number_hex}"
    for transaction, receipt in zip(block.transactions, fetched.receipts, strict=True):
        # What both rows of a transaction begin with; the checks proved that indexes count up from 0.
        index_hex = _INT4[transaction.transaction_index]
        hash_hex = transaction.hash[2:]
        transactions.append(
            _transaction_row(
                f"{transaction_start}{index_hex}00000020{hash_hex}{timestamp_hex}", transaction, receipt
            )
        )
        locations.append(f"{_TRANSACTION_LOCATION_START}{hash_hex}{number_hex}{index_hex}")
        for log in receipt.logs:
            logs.append(_log_row(log_start, index_hex, log))  # noqa: PERF401  most receipts have none or one
    return BlockRows(
        number=number,
        hash=unhexlify(block.hash[2:]),
        parent_hash=unhexlify(block.parent_hash[2:]),
        timestamp=timestamp,
        copy_rows=(
            _to_bytes(_block_row(number_hex, timestamp_hex, block, len(logs))),
            _to_bytes("".join(transactions)),
            _to_bytes("".join(logs)),
            _to_bytes(f"{_BLOCK_LOCATION_START}{block.hash[2:]}{number_hex}"),
            _to_bytes("".join(locations)),
        ),
        transactions=len(transactions),
        logs=len(logs),
        fetched_bytes=fetched.size_bytes,
    )


def copy_payloads(batch: Sequence[BlockRows]) -> Iterable[tuple[str, tuple[str, ...], bytes]]:
    """For each table that gets rows: its name, its columns and the whole binary COPY stream."""
    for position, (table, columns) in enumerate(TABLES.items()):
        pieces = [rows.copy_rows[position] for rows in batch]
        if any(pieces):
            yield table, columns, b"".join((_COPY_HEADER, *pieces, _COPY_TRAILER))


def _to_bytes(text: str) -> bytes:
    try:
        return unhexlify(text)
    except ValueError as error:
        raise UnstorableValue(f"a value of the block is not hexadecimal: {error}") from error


def _block_row(number_hex: str, timestamp_hex: str, block: WireBlock, log_count: int) -> str:
    return "".join(
        (
            _BLOCK_START,
            number_hex,
            _bytea(block.hash),
            _bytea(block.parent_hash),
            timestamp_hex,
            _bytea(block.miner),
            _int8(block.gas_limit),
            _int8(block.gas_used),
            _numeric_or_null(block.base_fee_per_gas),
            numeric(block.difficulty),
            _numeric_or_null(block.total_difficulty),
            _int4(block.size),
            _bytea(block.nonce),
            _bytea(block.mix_hash),
            _bytea(block.sha3_uncles),
            _bytea(block.state_root),
            _bytea(block.transactions_root),
            _bytea(block.receipts_root),
            _bytea(block.logs_bloom),
            _bytea(block.extra_data),
            _bytea_or_null(block.withdrawals_root),
            _int8_or_null(block.blob_gas_used),
            _int8_or_null(block.excess_blob_gas),
            _bytea_or_null(block.parent_beacon_block_root),
            _bytea_or_null(block.requests_hash),
            _bytea_or_null(block.block_access_list_hash or block.bal_hash),
            _int8_or_null(block.slot_number),
            _bytea_array(block.uncles),
            _NULL if block.withdrawals is None else _jsonb(block.withdrawals),
            f"00000004{len(block.transactions):08x}",
            f"00000004{log_count:08x}",
        )
    )


def _transaction_row(start: str, transaction: WireTransaction, receipt: WireReceipt) -> str:
    """`start`, then the columns from type on. Spelt out: a call more for each column costs a third."""
    sender, to, data = transaction.from_, transaction.to, transaction.input
    if len(transaction.hash) != 66 or len(sender) != 42 or (to is not None and len(to) != 42):
        raise UnstorableValue(f"transaction {transaction.hash[:80]}: hash or address of wrong length")
    price, effective_price = transaction.gas_price, receipt.effective_gas_price
    chain_id, v, r, s = transaction.chain_id, transaction.v, transaction.r, transaction.s
    if v is None:  # a typed transaction's v is its y parity (EIP-2930); nodes name it by either or both
        v = transaction.y_parity
    value, nonce = transaction.value, transaction.nonce
    status, root, cumulative = receipt.status, receipt.root, receipt.cumulative_gas_used
    return (
        f"{start}{_INT2[transaction.type]}00000014{sender[2:]}{_NULL if to is None else '00000014' + to[2:]}"
        # Amounts seldom come again: remembering them would drive the rest out of the processor's cache.
        f"{_NUMERIC[nonce]}{_NUMERIC[value] if len(value) < 8 else numeric(value)}{_INT8[transaction.gas]}"
        f"{_NULL if price is None else _NUMERIC[price]}"
        f"{_fee_market(transaction) if transaction.max_fee_per_gas else _LEGACY_FEES}"
        f"{_BYTEA_LENGTH[len(data)]}{data[2:]}"
        f"{_NULL if chain_id is None else _NUMERIC[chain_id]}{_NULL if v is None else _NUMERIC[v]}"
        f"{'00000020' + r[2:] if r is not None and len(r) == 66 else _word_or_null(r)}"
        f"{'00000020' + s[2:] if s is not None and len(s) == 66 else _word_or_null(s)}"
        f"{_lists(transaction)}"
        f"{_NULL if status is None else _INT2[status]}{_NULL if root is None else _bytea(root)}"
        f"{_INT8_START[len(cumulative)] + cumulative[2:] if len(cumulative) < 18 else _int8(cumulative)}"
        f"{_INT8[receipt.gas_used]}"
        f"{_NULL if effective_price is None else _NUMERIC[effective_price]}{_rare(receipt)}"
        f"{_COUNT[len(receipt.logs)]}"
    )


def _log_row(start: str, index_hex: str, log: WireLog) -> str:
    topics, data = log.topics, log.data
    count = len(topics)
    if count == 3:  # Transfer and Approval: the usual case, spelt out
        first, second, third = topics
        return (
            f"{start}{_INT4[log.log_index]}{index_hex}00000014{log.address[2:]}"
            f"00000020{first[2:]}00000020{second[2:]}00000020{third[2:]}{_NULL}"
            f"{_BYTEA_LENGTH[len(data)]}{data[2:]}"
        )
    if count > 4:
        raise UnstorableValue(f"log {log.log_index} has {count} topics; the EVM allows 4")
    topics_hex = "".join([f"00000020{topic[2:]}" for topic in topics])
    return (
        f"{start}{_INT4[log.log_index]}{index_hex}00000014{log.address[2:]}"
        f"{topics_hex}{_NO_TOPIC[4 - count]}{_BYTEA_LENGTH[len(data)]}{data[2:]}"
    )


def _rare(receipt: WireReceipt) -> str:
    """Columns contract_address, blob_gas_used, blob_gas_price, revert_reason."""
    address, reason = receipt.contract_address, receipt.revert_reason
    used, price = receipt.blob_gas_used, receipt.blob_gas_price
    return (
        f"{_NULL if address is None else _bytea(address)}{_NULL if used is None else _INT8[used]}"
        f"{_NULL if price is None else _NUMERIC[price]}{_NULL if reason is None else _bytea(reason)}"
    )


_LEGACY_FEES = _NULL * 3
_LEGACY_LISTS = _NULL * 4


def _fee_market(transaction: WireTransaction) -> str:
    """Columns max_fee_per_gas, max_priority_fee_per_gas, max_fee_per_blob_gas."""
    fee, tip, blob_fee = (
        transaction.max_fee_per_gas,
        transaction.max_priority_fee_per_gas,
        transaction.max_fee_per_blob_gas,
    )
    return (
        f"{_NULL if fee is None else _NUMERIC[fee]}{_NULL if tip is None else _NUMERIC[tip]}"
        f"{_NULL if blob_fee is None else _NUMERIC[blob_fee]}"
    )


def _lists(transaction: WireTransaction) -> str:
    """Columns access_list, blob_versioned_hashes, authorization_list, extra."""
    if transaction.access_list is None and transaction.extra is None:
        return _LEGACY_LISTS
    blobs, authorizations = transaction.blob_versioned_hashes, transaction.authorization_list
    accesses = transaction.access_list
    return (
        f"{_NULL if accesses is None else _jsonb(accesses) if accesses else _EMPTY_LIST}"
        f"{_NULL if blobs is None else _bytea_array(blobs)}"
        f"{_NULL if authorizations is None else _jsonb(authorizations)}"
        f"{_NULL if transaction.extra is None else _jsonb(transaction.extra)}"
    )


def numeric(quantity: str) -> str:
    """A hex quantity as a numeric: count, weight, sign, scale, then base-10,000 digits."""
    value = int(quantity, 16)
    if 10**16 <= value < 10**20:  # most amounts in wei: five digits, in small numbers as soon as possible
        high, low = divmod(value, 10**8)
        top, high = divmod(high, 10**8)
        second, third = divmod(high, _NUMERIC_BASE)
        fourth, last = divmod(low, _NUMERIC_BASE)
        if last:
            return (
                f"000000120005000400000000{_DIGITS[top]}{_DIGITS[second]}{_DIGITS[third]}"
                f"{_DIGITS[fourth]}{_DIGITS[last]}"
            )
    if not 0 <= value < 10**78:
        raise UnstorableValue(f"quantity {quantity[:80]} does not fit numeric(78,0)")
    digits: list[str] = []
    skipped = 0
    while value:
        value, digit = divmod(value, _NUMERIC_BASE)
        # Zeros at the end are left out: the weight says how many there are.
        if digit or digits:
            digits.append(_DIGITS[digit])
        else:
            skipped += 1
    digits.append(_NUMERIC_START[len(digits), skipped])
    digits.reverse()
    return "".join(digits)


def _numeric_or_null(quantity: str | None) -> str:
    return _NULL if quantity is None else _NUMERIC[quantity]


def _int8(quantity: str) -> str:
    value = int(quantity, 16)
    if not 0 <= value <= _INT8_MAX:
        raise UnstorableValue(f"quantity {quantity[:80]} is outside 0…2^63-1")
    return f"00000008{value:016x}"


def _int8_or_null(quantity: str | None) -> str:
    return _NULL if quantity is None else _int8(quantity)


def _int4(quantity: str) -> str:
    value = int(quantity, 16)
    if not 0 <= value < 1 << 31:
        raise UnstorableValue(f"quantity {quantity[:80]} is outside 0…2^31-1")
    return f"00000004{value:08x}"


def _int2(quantity: str) -> str:
    value = int(quantity, 16)
    if not 0 <= value < 1 << 15:
        raise UnstorableValue(f"quantity {quantity[:80]} is outside 0…2^15-1")
    return f"00000002{value:04x}"


def _signed_hex(value: int) -> str:
    if not -(1 << 63) <= value <= _INT8_MAX:
        raise UnstorableValue(f"block time {value} microseconds from 2000 is beyond timestamptz")
    return f"{value & 0xFFFF_FFFF_FFFF_FFFF:016x}"


def _bytea(data: str) -> str:
    length = len(data) - 2
    if length & 1:
        raise UnstorableValue(f"data {data[:20]}… has an odd number of hex digits ({length})")
    return f"{length >> 1:08x}{data[2:]}"


def _bytea_or_null(data: str | None) -> str:
    return _NULL if data is None else _bytea(data)


def _word_or_null(quantity: str | None) -> str:
    """A 256-bit quantity (r, s) as 32 bytes; nodes strip leading zeros."""
    if quantity is None:
        return _NULL
    digits = quantity[2:]
    if len(digits) > 64:
        raise UnstorableValue(f"quantity {quantity[:80]} is longer than 256 bits")
    return f"00000020{digits:0>64}"


def _bytea_array(items: Sequence[str]) -> str:
    """Type bytea[] on the wire: dimensions, has-nulls, element type 17, then size and lower bound."""
    if not items:
        return "0000000c" + "00000000" + "00000000" + "00000011"
    body = "".join([_bytea(item) for item in items])
    return f"{20 + len(body) // 2:08x}000000010000000000000011{len(items):08x}00000001{body}"


# Byte length, number of digits, weight, sign and scale of a numeric by its digits and the zeros left out.
_NUMERIC_START = {
    (count, skipped): f"{8 + 2 * count:08x}{count:04x}{max(count + skipped - 1, 0):04x}00000000"
    for count in range(21)
    for skipped in range(21)
}
_DIGITS = tuple(f"{digit:04x}" for digit in range(_NUMERIC_BASE))

# What stands before the digits of a quantity of up to 15 digits, by the length of its text; an empty one
# ("0x") is no number, and no hexadecimal either.
_INT8_START = ("?", "?", "?", *(f"00000008{'':0>{18 - length}}" for length in range(3, 18)))


class _Lengths(dict[int, str]):
    """The length of a bytea by the length of its text, `0x` included."""

    def __missing__(self, characters: int) -> str:
        if characters & 1 or characters < 2:
            raise UnstorableValue(f"data has an odd number of hex digits ({characters - 2})")
        encoded = f"{characters // 2 - 1:08x}"
        if characters < 16_384:
            self[characters] = encoded
        return encoded


class _Counts(dict[int, str]):
    def __missing__(self, count: int) -> str:
        encoded = f"00000004{count:08x}"
        if count < 16_384:
            self[count] = encoded
        return encoded


_BYTEA_LENGTH, _COUNT = _Lengths(), _Counts()

# Few distinct values: gas limits, prices, amounts in whole tokens, indexes.
_NUMERIC, _INT8, _INT4, _INT2 = (
    _Memo(numeric, 8_192),
    _Memo(_int8, 8_192),
    _Memo(_int4, 16_384),
    _Memo(_int2, 512),
)


_EMPTY_LIST = "00000003015b5d"  # jsonb


def _jsonb(value: object) -> str:
    """Type jsonb on the wire: version 1, then JSON text."""
    text = msgspec.json.encode(value)
    return f"{len(text) + 1:08x}01{text.hex()}"
