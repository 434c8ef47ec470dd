-- name: select_rows :one
-- How far the stored chain reaches and what is derived from it, and how much the tables hold, counted.
-- no parameters
SELECT (SELECT max(number) FROM chain.blocks) AS indexed,
       (SELECT count(*) FROM chain.blocks) AS blocks,
       (SELECT count(*) FROM chain.transactions) AS transactions,
       (SELECT count(*) FROM chain.logs) AS logs,
       (SELECT CASE WHEN bool_and(derived_to >= first_block) THEN min(derived_to) END FROM chain.derivations) AS derived,
       (SELECT count(*) FROM chain.token_transfers) AS token_transfers,
       (SELECT count(DISTINCT holder) FROM chain.token_balances WHERE balance > 0) AS holders,
       (SELECT count(*) FROM chain.addresses) AS addresses,
       (SELECT count(*) FROM chain.reorgs) AS reorgs,
       (SELECT count(*) FROM chain.orphaned_blocks) AS orphaned,
       (SELECT count(*) FROM chain.quarantined_blocks) AS quarantined;

-- name: select_reorgs :many
-- Every replaced branch, oldest first.
-- no parameters
SELECT id, ancestor_number, old_head_number, new_head_number, depth, transactions_removed
FROM chain.reorgs
ORDER BY id;
