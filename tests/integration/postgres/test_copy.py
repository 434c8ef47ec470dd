"""Binary COPY of prebuilt bytes."""

import struct

import pytest

from postgres import errors
from postgres.connections import OwnConnection
from postgres.copy import copy_binary

HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TRAILER = struct.pack("!h", -1)
COLUMNS = ("hash", "number")


def row(value: bytes, number: int, number_format: str = "!q") -> bytes:
    packed = struct.pack(number_format, number)
    return struct.pack("!hi", 2, len(value)) + value + struct.pack("!i", len(packed)) + packed


async def test_copy_binary_stores_every_row_and_counts_them(connection: OwnConnection) -> None:
    payload = HEADER + b"".join(row(bytes([n]) * 32, n) for n in range(250)) + TRAILER

    assert await copy_binary(connection, "chain", "block_locations", COLUMNS, payload) == 250
    assert await connection.fetchval("SELECT sum(number) FROM chain.block_locations") == sum(range(250))


async def test_copy_binary_of_a_narrower_integer_is_refused_whole(connection: OwnConnection) -> None:
    payload = HEADER + row(b"\x01" * 32, 1) + row(b"\x02" * 32, 2, "!i") + TRAILER

    with pytest.raises(errors.Fatal), errors.translated():
        await copy_binary(connection, "chain", "block_locations", COLUMNS, payload)
    assert await connection.fetchval("SELECT count(*) FROM chain.block_locations") == 0


async def test_copy_binary_inside_a_transaction_goes_with_it(connection: OwnConnection) -> None:
    transaction = connection.transaction()
    await transaction.start()
    await copy_binary(
        connection, "chain", "block_locations", COLUMNS, HEADER + row(b"\x01" * 32, 1) + TRAILER
    )
    await transaction.rollback()

    assert await connection.fetchval("SELECT count(*) FROM chain.block_locations") == 0
