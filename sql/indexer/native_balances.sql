-- name: queue_touched_addresses :exec
-- Queue whose balance blocks $1…$2 may have changed, unless it was read since.
-- $1 first block, $2 last block
WITH touched AS (
    SELECT from_address AS address, block_number FROM chain.transactions
    WHERE block_number BETWEEN $1::bigint AND $2::bigint
    UNION ALL
    SELECT to_address, block_number FROM chain.transactions
    WHERE block_number BETWEEN $1::bigint AND $2::bigint AND to_address IS NOT NULL
    UNION ALL
    SELECT contract_address, block_number FROM chain.transactions
    WHERE block_number BETWEEN $1::bigint AND $2::bigint AND contract_address IS NOT NULL
    UNION ALL
    SELECT address, block_number FROM chain.logs WHERE block_number BETWEEN $1::bigint AND $2::bigint
    UNION ALL
    SELECT miner, number FROM chain.blocks WHERE number BETWEEN $1::bigint AND $2::bigint
), newest AS (
    SELECT address, max(block_number) AS block_number FROM touched GROUP BY address
)
INSERT INTO chain.unread_balances AS unread (address, block_number)
SELECT newest.address, newest.block_number
FROM newest
LEFT JOIN chain.native_balances AS balance ON balance.address = newest.address
WHERE balance.address IS NULL OR balance.block_number < newest.block_number
ORDER BY newest.address
ON CONFLICT (address) DO UPDATE SET block_number = excluded.block_number
WHERE unread.block_number < excluded.block_number;

-- name: queue_unread_balances :exec
-- Queue addresses that a block has touched.
-- $1 addresses, $2 block number
INSERT INTO chain.unread_balances AS unread (address, block_number)
SELECT DISTINCT address, $2::bigint FROM unnest($1::bytea[]) AS touched (address) ORDER BY address
ON CONFLICT (address) DO UPDATE SET block_number = excluded.block_number
WHERE unread.block_number < excluded.block_number;

-- name: select_unread_balances :many
-- The addresses touched last of those to be read, up to a block.
-- $1 highest block, $2 how many
SELECT address FROM chain.unread_balances
WHERE block_number <= $1::bigint
ORDER BY block_number DESC
LIMIT $2::integer;

-- name: upsert_native_balances :many
-- Keep balances as they were after block $3, and answer the addresses of which another was known, or none.
-- $1 addresses, $2 balances in wei, $3 block number, $4 block hash
WITH read AS (
    SELECT address, balance::numeric FROM unnest($1::bytea[], $2::text[]) AS read (address, balance)
), known AS (
    SELECT address, balance FROM chain.native_balances WHERE address = ANY ($1::bytea[])
), kept AS (
    INSERT INTO chain.native_balances (address, balance, block_number, block_hash)
    SELECT address, balance, $3::bigint, $4::bytea FROM read
    ON CONFLICT (address) DO UPDATE
    SET balance = excluded.balance, block_number = excluded.block_number, block_hash = excluded.block_hash,
        fetched_at = now()
)
SELECT read.address
FROM read
LEFT JOIN known ON known.address = read.address
WHERE known.balance IS DISTINCT FROM read.balance
ORDER BY read.address;

-- name: delete_unread_balances :exec
-- These were read at block $2; what was touched later stays queued.
-- $1 addresses, $2 block number
DELETE FROM chain.unread_balances WHERE address = ANY ($1::bytea[]) AND block_number <= $2::bigint;
