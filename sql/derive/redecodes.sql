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
-- Say that blocks up to $2 are staged in so many more payloads.
-- $1 id, $2 block, $3 payloads
UPDATE chain.redecodes SET decoded_to = $2::bigint, staged_payloads = staged_payloads + $3::bigint
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

-- name: has_anonymous_events :value
-- Whether an ABI was ever registered that declares an anonymous event.
-- no parameters
SELECT EXISTS (SELECT FROM chain.contract_abis WHERE content @? '$[*] ? (@.anonymous == true)');

-- name: count_redecoded_payloads :value
-- How many payloads are staged.
-- no parameters
SELECT count(*) FROM chain.redecoded_payloads;

-- name: insert_redecoded_payload :exec
-- Stage rows, or what was counted.
-- $1 id of the redecode, $2 last block of its range, $3 ordinal in it, $4 kind, $5 payload
INSERT INTO chain.redecoded_payloads (redecode_id, last_block, ordinal, kind, payload)
VALUES ($1::bigint, $2::bigint, $3::integer, $4::text, $5::bytea);

-- name: select_redecoded_ranges :many
-- The last blocks of the staged ranges, in order.
-- $1 id of the redecode
SELECT DISTINCT last_block FROM chain.redecoded_payloads WHERE redecode_id = $1::bigint ORDER BY last_block;

-- name: select_redecoded_payload :one
-- A part of a staged range.
-- $1 id of the redecode, $2 last block of the range, $3 ordinal
SELECT kind, payload FROM chain.redecoded_payloads
WHERE redecode_id = $1::bigint AND last_block = $2::bigint AND ordinal = $3::integer;

-- name: truncate_redecoded :exec
-- Forget what is staged.
-- no parameters
TRUNCATE chain.redecoded_payloads;

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

-- name: delete_decoded_signatures :many
-- The same where no event is anonymous and topics do not matter: how many there were of each signature.
-- $1 first block, $2 last block, $3 addresses
SELECT signature, sum(log_count)::bigint AS log_count
FROM chain.delete_decoded_signatures($1::bigint, $2::bigint, $3::bytea[])
GROUP BY signature;

-- name: select_unread_clones :many
-- Clones whose original had an ABI when they became known, and that no scope names since; where each was met first.
-- $1 how many
SELECT c.address, least(c.block_number, a.contract_block) AS block_number
FROM chain.contract_codes AS c
LEFT JOIN chain.addresses AS a ON a.address = c.address
WHERE c.clone_of IS NOT NULL
  AND EXISTS (
      SELECT FROM chain.contract_abis AS k
      WHERE k.address = c.clone_of AND k.removed_version IS NULL AND k.added_version <= c.version
  )
  AND NOT EXISTS (
      SELECT FROM chain.decode_scopes AS s WHERE s.version >= c.version AND c.address = ANY (s.addresses)
  )
ORDER BY c.address
LIMIT $1::integer;
