-- name: apply_proxy_implementations :exec
-- What each proxy and beacon points to, by the events of EIP-1967: Upgraded and BeaconUpgraded.
-- $1 first block, $2 last block
INSERT INTO proxy_implementations (proxy, block_number, log_index, transaction_index, kind, target)
SELECT address, block_number, log_index, transaction_index,
       CASE topic0 WHEN '\xbc7cd75a20ee27fd9adebab32041f755214dbc6bffa90cc0225b39da2e5c2d3b'::bytea
            THEN 'implementation' ELSE 'beacon' END,
       chain.word_address(topic1)
FROM chain.logs
WHERE block_number BETWEEN $1::bigint AND $2::bigint
  AND topic0 IN (
      '\xbc7cd75a20ee27fd9adebab32041f755214dbc6bffa90cc0225b39da2e5c2d3b'::bytea,
      '\x1cf3b03a6cf19fa2baba4df148e9dcabedea7f8a5c07840e207e5c089be95d3e'::bytea
  )
  AND topic2 IS NULL AND chain.is_address_word(topic1);

-- name: revert_proxy_implementations :exec
-- Forget what the logs of blocks from $1 on said.
-- $1 first block, $2 last block
DELETE FROM proxy_implementations WHERE block_number BETWEEN $1::bigint AND $2::bigint;

-- name: select_contracts_between :value
-- The contracts that emitted a log or were called in these blocks, of $3 where that is not null.
-- $1 first block, $2 last block, $3 addresses
SELECT array_agg(address)
FROM (
    SELECT address FROM chain.logs
    WHERE block_number BETWEEN $1::bigint AND $2::bigint
      AND ($3::bytea[] IS NULL OR address = ANY ($3::bytea[]))
    UNION
    SELECT to_address FROM chain.transactions
    WHERE block_number BETWEEN $1::bigint AND $2::bigint AND to_address IS NOT NULL
      AND ($3::bytea[] IS NULL OR to_address = ANY ($3::bytea[]))
) AS seen;

-- name: select_pointers :many
-- What proxies, and the beacons they point to, pointed to: in these blocks, and the last time before them.
-- $1 proxies, $2 first block, $3 last block
WITH own AS MATERIALIZED (
    SELECT p.*
    FROM unnest($1::bytea[]) AS seen (address)
    CROSS JOIN LATERAL (
        (SELECT * FROM proxy_implementations
         WHERE proxy = seen.address AND block_number < $2::bigint
         ORDER BY block_number DESC, log_index DESC LIMIT 1)
        UNION ALL
        (SELECT * FROM proxy_implementations
         WHERE proxy = seen.address AND block_number BETWEEN $2::bigint AND $3::bigint)
    ) AS p
), beacons AS (
    SELECT p.*
    FROM (SELECT DISTINCT target FROM own WHERE kind = 'beacon') AS beacon
    CROSS JOIN LATERAL (
        (SELECT * FROM proxy_implementations
         WHERE proxy = beacon.target AND block_number < $2::bigint
         ORDER BY block_number DESC, log_index DESC LIMIT 1)
        UNION ALL
        (SELECT * FROM proxy_implementations
         WHERE proxy = beacon.target AND block_number BETWEEN $2::bigint AND $3::bigint)
    ) AS p
)
SELECT * FROM own UNION SELECT * FROM beacons
ORDER BY proxy, block_number, log_index;

-- name: select_codes :many
-- What is known of the code of contracts, and since which version.
-- $1 addresses
SELECT address, clone_of, beacon_implementation, version
FROM chain.contract_codes
WHERE address = ANY ($1::bytea[]) AND version IS NOT NULL;
