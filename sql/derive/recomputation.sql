-- name: begin_recomputation :value
-- From now on until this transaction ends, a derived table's name means an empty one of this session.
-- $1 table
SELECT chain.begin_recomputation($1::text);

-- name: select_recomputed_differences :many
-- The lowest rows in which a table and its recomputation differ, $4 at most; of tables by block those of $2…$3.
-- $1 table, $2 first block, $3 last block, $4 rows
SELECT key, expected, found
FROM chain.differing_rows(
    format('chain.%I', $1::text)::regclass, format('pg_temp.%I', $1::text)::regclass, $2::bigint, $3::bigint,
    $4::integer
);

-- name: try_rebuild_lock :value
-- The session lock of the one rebuild of this database.
-- no parameters
SELECT pg_try_advisory_lock(hashtextextended('pend rebuild ' || current_database(), 0));

-- name: begin_rebuild :value
-- An empty table beside the one in use; what an interrupted rebuild left is dropped.
-- $1 table
SELECT chain.begin_rebuild($1::text);

-- name: swap_rebuilt :one
-- Make the table in use what the one made anew is; how many rows that changed.
-- $1 table
SELECT removed, added
FROM chain.swap_derived(format('chain.%I', $1::text)::regclass, format('chain_rebuild.%I', $1::text)::regclass);

-- name: end_rebuild :value
-- Drop the table that was made anew.
-- $1 table
SELECT chain.end_rebuild($1::text);

-- name: begin_rebuilt_derivation :exec
-- Where a derivation made anew begins, as its own statements see it.
-- $1 name, $2 first block
INSERT INTO derivations (derivation, first_block, derived_to) VALUES ($1::text, $2::bigint, $2::bigint - 1);

-- name: update_first_block :exec
-- Say where some derivations begin.
-- $1 names, $2 first block
UPDATE chain.derivations SET first_block = $2::bigint WHERE derivation = ANY ($1::text[]);
