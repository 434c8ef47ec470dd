"""The smallest rows the fact tables take, for tests that are about the database and not about a chain."""

from collections.abc import Iterable

from postgres.connections import Connection

ADDRESS = b"\x0a" * 20
WORD = b"\x0b" * 32


def block_hash(number: int, branch: int = 0) -> bytes:
    return (
        b"\xbb" + branch.to_bytes(1, "big") + (number + 1).to_bytes(30, "big")
    )  # block -1 is the genesis parent


def transaction_hash(number: int, index: int, branch: int = 0) -> bytes:
    return b"\xcc" + branch.to_bytes(1, "big") + number.to_bytes(20, "big") + index.to_bytes(10, "big")


async def store_blocks(connection: Connection, numbers: Iterable[int], *, branch: int = 0) -> None:
    """Blocks with two transactions and three logs each, with their locations; no coverage."""
    numbers = list(numbers)
    await connection.executemany(
        """
        INSERT INTO chain.blocks
            (number, hash, parent_hash, timestamp, miner, gas_limit, gas_used, difficulty, size, nonce, mix_hash,
             sha3_uncles, state_root, transactions_root, receipts_root, logs_bloom, extra_data,
             transaction_count, log_count)
        VALUES ($1::bigint, $2, $3, to_timestamp($1::bigint), $4, 30000000, 42000, 1, 1000, $5, $6, $6, $6, $6, $6, $7, $6, 2, 3)
        """,
        [
            (n, block_hash(n, branch), block_hash(n - 1, branch), ADDRESS, bytes(8), WORD, bytes(256))
            for n in numbers
        ],
    )
    await connection.executemany(
        "INSERT INTO chain.block_locations (hash, number) VALUES ($1, $2)",
        [(block_hash(n, branch), n) for n in numbers],
    )
    pairs = [(n, i) for n in numbers for i in range(2)]
    await connection.executemany(
        """
        INSERT INTO chain.transactions
            (block_number, transaction_index, hash, timestamp, type, from_address, to_address, nonce, value,
             gas_limit, input, cumulative_gas_used, gas_used, status, log_count)
        VALUES ($1::bigint, $2, $3, to_timestamp($1::bigint), 0, $4, $4, 0, 1, 21000, '', 21000, 21000, 1, 1)
        """,
        [(n, i, transaction_hash(n, i, branch), ADDRESS) for n, i in pairs],
    )
    await connection.executemany(
        "INSERT INTO chain.transaction_locations (hash, block_number, transaction_index) VALUES ($1, $2, $3)",
        [(transaction_hash(n, i, branch), n, i) for n, i in pairs],
    )
    await connection.executemany(
        """
        INSERT INTO chain.logs (block_number, log_index, transaction_index, address, topic0, data)
        VALUES ($1, $2, 0, $3, $4, '')
        """,
        [(n, i, ADDRESS, WORD) for n in numbers for i in range(3)],
    )


async def insert_reorg(connection: Connection) -> int:
    reorg: int = await connection.fetchval(
        """
        INSERT INTO chain.reorgs
            (ancestor_number, ancestor_hash, old_head_number, old_head_hash, new_head_number, new_head_hash, depth)
        VALUES (1, $1, 2, $1, 2, $1, 1) RETURNING id
        """,
        WORD,
    )
    return reorg
