-- name: queue_contracts :exec
-- Queue what behaved as a contract in blocks $1…$2 and is not known: it emitted, was created, or was called.
-- $1 first block, $2 last block, $3 topic of the event that names a beacon
WITH acted AS (
    SELECT address, block_number, false AS is_beacon FROM chain.logs
    WHERE block_number BETWEEN $1::bigint AND $2::bigint
    UNION ALL
    SELECT chain.word_address(topic1), block_number, true FROM chain.logs
    WHERE block_number BETWEEN $1::bigint AND $2::bigint
      AND topic0 = $3::bytea AND chain.is_address_word(topic1)
    UNION ALL
    SELECT contract_address, block_number, false FROM chain.transactions
    WHERE block_number BETWEEN $1::bigint AND $2::bigint
      AND contract_address IS NOT NULL AND status IS DISTINCT FROM 0
    UNION ALL
    SELECT to_address, block_number, false FROM chain.transactions
    WHERE block_number BETWEEN $1::bigint AND $2::bigint
      AND to_address IS NOT NULL AND octet_length(input) > 0
), newest AS (
    SELECT address, max(block_number) AS block_number, bool_or(is_beacon) AS is_beacon FROM acted GROUP BY address
)
INSERT INTO chain.unread_codes AS unread (address, block_number, is_beacon)
SELECT newest.address, newest.block_number, newest.is_beacon
FROM newest
LEFT JOIN chain.contract_codes AS code ON code.address = newest.address
WHERE code.address IS NULL
   -- Read before as something else, whatever block that was at.
   OR (newest.is_beacon AND code.beacon_implementation IS NULL)
   -- An account may get code, or delegate to another.
   OR (code.kind IN ('none', 'delegation') AND code.block_number < newest.block_number)
ORDER BY newest.address
ON CONFLICT (address) DO UPDATE
SET block_number = greatest(unread.block_number, excluded.block_number),
    is_beacon = unread.is_beacon OR excluded.is_beacon;

-- name: select_unread_codes :many
-- The addresses that acted last of those to be read, up to a block. Beacons wait until their upgrades are derived.
-- $1 highest block, $2 how many
SELECT address, is_beacon FROM chain.unread_codes
WHERE block_number <= $1::bigint
  AND (NOT is_beacon OR NOT EXISTS (
      SELECT FROM chain.derivations WHERE derivation = 'decoded_events' AND derived_to < $1::bigint
  ))
ORDER BY block_number DESC
LIMIT $2::integer;

-- name: select_blocks_before_upgrades :many
-- Of beacons that were upgraded, the block before that was done for the first time.
-- $1 beacons
SELECT upgraded.proxy AS address, block.number, block.hash
FROM (
    SELECT proxy, min(block_number) AS block_number FROM chain.proxy_implementations
    WHERE proxy = ANY ($1::bytea[]) AND kind = 'implementation'
    GROUP BY proxy
) AS upgraded
JOIN chain.blocks AS block ON block.number = upgraded.block_number - 1;

-- name: select_proxy_targets :many
-- What is known of some addresses as clones and beacons.
-- $1 addresses
SELECT address, clone_of, beacon_implementation FROM chain.contract_codes
WHERE address = ANY ($1::bytea[]) AND (clone_of IS NOT NULL OR beacon_implementation IS NOT NULL);

-- name: upsert_contract_codes :many
-- Keep what stands at addresses after block $9, and answer those where something else stood, or nothing was known.
-- A version of null leaves that of a row that is there.
-- $1 addresses, $2 kinds, $3 code hashes, $4 code sizes, $5 originals of clones, $6 delegates, $7 implementations of beacons, $8 versions, $9 block number, $10 block hash
WITH read AS (
    SELECT *
    FROM unnest(
        $1::bytea[], $2::text[], $3::bytea[], $4::integer[], $5::bytea[], $6::bytea[], $7::bytea[], $8::bigint[]
    ) AS read (address, kind, code_hash, code_size, clone_of, delegated_to, beacon_implementation, version)
), known AS (
    SELECT code.* FROM chain.contract_codes AS code WHERE code.address = ANY ($1::bytea[])
), kept AS (
    INSERT INTO chain.contract_codes AS code (
        address, kind, code_hash, code_size, clone_of, delegated_to, beacon_implementation, version,
        block_number, block_hash
    )
    SELECT address, kind, code_hash, code_size, clone_of, delegated_to, beacon_implementation, version,
           $9::bigint, $10::bytea
    FROM read
    ON CONFLICT (address) DO UPDATE
    SET kind = excluded.kind, code_hash = excluded.code_hash, code_size = excluded.code_size,
        clone_of = excluded.clone_of, delegated_to = excluded.delegated_to,
        beacon_implementation = excluded.beacon_implementation,
        version = coalesce(excluded.version, code.version),
        block_number = excluded.block_number, block_hash = excluded.block_hash, fetched_at = now()
)
SELECT read.address
FROM read
LEFT JOIN known ON known.address = read.address
WHERE (known.kind, known.code_hash, known.clone_of, known.delegated_to, known.beacon_implementation)
    IS DISTINCT FROM (read.kind, read.code_hash, read.clone_of, read.delegated_to, read.beacon_implementation)
ORDER BY read.address;

-- name: delete_unread_codes :exec
-- These were read at block $2; what acted later stays queued.
-- $1 addresses, $2 block number
DELETE FROM chain.unread_codes WHERE address = ANY ($1::bytea[]) AND block_number <= $2::bigint;
