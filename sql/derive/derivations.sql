-- name: register_derivations :exec
-- Begin what is not begun yet at a first block; one that has derived nothing so far may still move there.
-- $1 names, $2 first block
INSERT INTO chain.derivations AS d (derivation, first_block, derived_to)
SELECT name, $2::bigint, $2::bigint - 1 FROM unnest($1::text[]) AS name
ON CONFLICT (derivation) DO UPDATE
SET first_block = excluded.first_block, derived_to = excluded.derived_to
WHERE d.derived_to < d.first_block AND d.first_block <> excluded.first_block;

-- name: select_derivations :many
-- How far each derivation is.
-- no parameters
SELECT derivation, first_block, derived_to FROM chain.derivations ORDER BY derivation;

-- name: lock_derivations :many
-- The same, and nobody else derives or reverts until this transaction ends.
-- no parameters
SELECT derivation, first_block, derived_to FROM chain.derivations ORDER BY derivation FOR UPDATE;

-- name: lock_free_derivations :many
-- The same without waiting: those that another transaction holds are left out.
-- no parameters
SELECT derivation, first_block, derived_to FROM chain.derivations ORDER BY derivation FOR UPDATE SKIP LOCKED;

-- name: update_derived_to :exec
-- Say that some derivations are complete up to a block.
-- $1 names, $2 block
UPDATE chain.derivations SET derived_to = $2::bigint WHERE derivation = ANY ($1::text[]);

-- name: select_covered_to :value
-- The last block of the stored range that holds a block; null where it is not stored.
-- $1 block
SELECT upper(blocks) - 1 FROM chain.coverage WHERE blocks @> $1::bigint;

-- name: select_range_end :value
-- Up to which block from $1 on, $2 at most, the facts are about $3 rows; at least one block.
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

-- name: select_next_to_derive :one
-- The lowest block that is stored but not derived everywhere, and how far it could be derived; none: nothing to do.
-- no parameters
SELECT min(d.derived_to) + 1 AS first, max(upper(c.blocks)) - 1 AS covered_to
FROM chain.derivations AS d
JOIN chain.coverage AS c ON c.blocks @> d.derived_to + 1
HAVING count(*) > 0;

-- name: use_work_mem :value
-- How much memory each sort and grouping of this session may take before it goes to disk.
-- $1 MiB
SELECT set_config('work_mem', $1::integer || 'MB', false);
