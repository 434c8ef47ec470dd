-- name: select_unread_tokens :many
-- Tokens never asked, then those whose time has come; with the standards they follow.
-- $1 how many
SELECT tokens.token, array_agg(tokens.standard::integer ORDER BY tokens.standard) AS standards,
       max(metadata.attempts) AS attempts
FROM chain.tokens
LEFT JOIN chain.token_metadata AS metadata ON metadata.token = tokens.token
WHERE metadata.token IS NULL OR metadata.next_try_at <= now()
GROUP BY tokens.token, metadata.next_try_at
ORDER BY metadata.next_try_at NULLS FIRST, max(tokens.first_block) DESC
LIMIT $1::integer;

-- name: upsert_token_metadata :many
-- Keep what tokens said at block $9, and answer those of which something else was known, or nothing.
-- $1 tokens, $2 names, $3 symbols, $4 decimals, $5 supplies, $6 states, $7 faults, $8 seconds until they are asked again, $9 block number, $10 block hash
WITH said AS (
    SELECT token, name, symbol, decimals::smallint, total_supply::numeric, state, fault, wait_s
    FROM unnest($1::bytea[], $2::text[], $3::text[], $4::integer[], $5::text[], $6::text[], $7::text[], $8::float8[])
        AS said (token, name, symbol, decimals, total_supply, state, fault, wait_s)
), known AS (
    SELECT metadata.* FROM chain.token_metadata AS metadata WHERE metadata.token = ANY ($1::bytea[])
), kept AS (
    INSERT INTO chain.token_metadata AS metadata (
        token, name, symbol, decimals, total_supply, state, fault, block_number, block_hash, attempts, next_try_at
    )
    SELECT token, name, symbol, decimals, total_supply, state, fault, $9::bigint, $10::bytea, 1,
           now() + make_interval(secs => wait_s)
    FROM said
    ON CONFLICT (token) DO UPDATE
    SET name = excluded.name, symbol = excluded.symbol, decimals = excluded.decimals,
        total_supply = excluded.total_supply, state = excluded.state, fault = excluded.fault,
        block_number = excluded.block_number, block_hash = excluded.block_hash,
        attempts = CASE WHEN excluded.state = 'read' THEN 1 ELSE metadata.attempts + 1 END,
        next_try_at = excluded.next_try_at, fetched_at = now()
)
SELECT said.token, said.symbol
FROM said
LEFT JOIN known ON known.token = said.token
WHERE (known.token, known.name, known.symbol, known.decimals, known.total_supply, known.state)
    IS DISTINCT FROM (said.token, said.name, said.symbol, said.decimals, said.total_supply, said.state)
ORDER BY said.token;
