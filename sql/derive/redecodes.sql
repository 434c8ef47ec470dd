-- name: cut_redecodes :exec
-- A redecode in progress ends below the blocks that a reorg takes back.
-- $1 first block
UPDATE chain.redecodes SET last_block = $1::bigint - 1 WHERE state = 'decoding' AND last_block >= $1::bigint;

-- name: try_redecode_lock :value
-- The session lock of the one redecode of this database.
-- no parameters
SELECT pg_try_advisory_lock(hashtextextended('pend redecode ' || current_database(), 0));

-- name: select_redecode :one
-- The redecode that was begun last and has not ended.
-- no parameters
SELECT * FROM chain.redecodes WHERE state = 'decoding' ORDER BY id DESC LIMIT 1;

-- name: lock_redecode :one
-- A redecode as it stands; nobody changes it until this transaction ends.
-- $1 id
SELECT * FROM chain.redecodes WHERE id = $1::bigint FOR UPDATE;

-- name: insert_redecode :one
-- Begin a redecode.
-- $1 request, $2 first block, $3 last block, $4 addresses, $5 first topics, $6 selectors, $7 version
INSERT INTO chain.redecodes (request, first_block, last_block, addresses, topics, selectors, version, decoded_to)
VALUES (
    $1::text, $2::bigint, $3::bigint, $4::bytea[], $5::bytea[], $6::bytea[], $7::bigint, $2::bigint - 1
)
RETURNING *;

-- name: update_redecode :exec
-- Say that blocks up to $2 are staged with so many more rows.
-- $1 id, $2 block, $3 events, $4 calls
UPDATE chain.redecodes
SET decoded_to = $2::bigint, staged_events = staged_events + $3::bigint, staged_calls = staged_calls + $4::bigint
WHERE id = $1::bigint;

-- name: end_redecode :exec
-- A redecode was swapped in, or will never be.
-- $1 id, $2 state
UPDATE chain.redecodes SET state = $2::text, ended_at = now() WHERE id = $1::bigint;

-- name: has_abi_changes :value
-- Whether ABIs were added or removed after a version.
-- $1 version
SELECT EXISTS (
    SELECT FROM chain.contract_abis WHERE added_version > $1::bigint OR removed_version > $1::bigint
);

-- name: count_redecoded :one
-- How many rows are staged.
-- no parameters
SELECT (SELECT count(*) FROM chain.redecoded_events) AS events, (SELECT count(*) FROM chain.redecoded_calls) AS calls;

-- name: truncate_redecoded :exec
-- Forget the staged rows.
-- no parameters
TRUNCATE chain.redecoded_events, chain.redecoded_calls;

-- name: select_redecode_end :value
-- Up to which block from $1 on, $2 at most, the facts are about $3 rows.
-- $1 first block, $2 last block, $3 rows
SELECT coalesce((
    SELECT number FROM (
        SELECT number, sum(1 + transaction_count + log_count) OVER (ORDER BY number) AS rows
        FROM chain.blocks
        WHERE number BETWEEN $1::bigint AND $2::bigint
    ) AS counted
    WHERE rows >= $3::bigint
    ORDER BY number
    LIMIT 1
), $2::bigint);

-- name: select_contracts_behind :value
-- Proxies and clones that point, or once pointed, to a contract, directly or through a beacon.
-- $1 address
SELECT array_agg(address) FROM (
    SELECT proxy AS address FROM chain.proxy_implementations WHERE kind = 'implementation' AND target = $1::bytea
    UNION
    SELECT p.proxy
    FROM chain.proxy_implementations AS b
    JOIN chain.proxy_implementations AS p ON p.kind = 'beacon' AND p.target = b.proxy
    WHERE b.kind = 'implementation' AND b.target = $1::bytea
    UNION
    SELECT address FROM chain.contract_codes WHERE clone_of = $1::bytea
    UNION
    SELECT p.proxy
    FROM chain.contract_codes AS c
    JOIN chain.proxy_implementations AS p ON p.kind = 'beacon' AND p.target = c.address
    WHERE c.beacon_implementation = $1::bytea
) AS behind;

-- name: select_children_of :value
-- The children that are read by an ABI.
-- $1 id of the ABI
SELECT array_agg(DISTINCT child) FROM chain.factory_children WHERE abi_id = $1::bigint;

-- name: delete_decoded_events :many
-- Remove what was read of some logs; how many there were of each first topic.
-- $1 first block, $2 last block, $3 addresses, $4 first topics
SELECT topic0, sum(log_count)::bigint AS log_count
FROM chain.delete_decoded_events($1::bigint, $2::bigint, $3::bytea[], $4::bytea[])
GROUP BY topic0;

-- name: delete_decoded_calls :exec
-- Remove what was read of some transactions.
-- $1 first block, $2 last block, $3 addresses, $4 selectors
SELECT chain.delete_decoded_calls($1::bigint, $2::bigint, $3::bytea[], $4::bytea[]);

-- name: insert_redecoded_events :exec
-- Put the staged events up to a block in use.
-- $1 last block
INSERT INTO chain.decoded_events (
    block_number, log_index, transaction_index, address, abi, name, signature, arguments, undecodable
)
SELECT block_number, log_index, transaction_index, address, abi, name, signature, arguments, undecodable
FROM chain.redecoded_events
WHERE block_number <= $1::bigint;

-- name: insert_redecoded_calls :exec
-- Put the staged calls up to a block in use.
-- $1 last block
INSERT INTO chain.decoded_calls SELECT * FROM chain.redecoded_calls WHERE block_number <= $1::bigint;

-- name: count_redecoded_topics :many
-- How many events are staged up to a block, by first topic.
-- $1 last block
SELECT coalesce(topic0, '') AS topic0, count(*) AS log_count
FROM chain.redecoded_events
WHERE block_number <= $1::bigint
GROUP BY 1;

-- name: count_decoded_topics :many
-- How many events of some contracts are read in these blocks, by first topic.
-- $1 first block, $2 last block, $3 addresses
SELECT coalesce(l.topic0, '') AS topic0, count(*) AS log_count
FROM chain.decoded_events AS d
JOIN chain.logs AS l ON l.block_number = d.block_number AND l.log_index = d.log_index
WHERE d.block_number BETWEEN $1::bigint AND $2::bigint AND l.block_number BETWEEN $1::bigint AND $2::bigint
  AND d.address = ANY ($3::bytea[])
GROUP BY 1;
