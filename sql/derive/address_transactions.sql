-- name: apply_address_transactions :exec
-- One row for each address that took part in each transaction, neighbours side by side.
-- $1 first block, $2 last block
INSERT INTO address_transactions (address, block_number, transaction_index, roles)
SELECT address, block_number, transaction_index, roles
FROM chain.transaction_parties($1::bigint, $2::bigint)
ORDER BY address, block_number, transaction_index;

-- name: revert_address_transactions :exec
-- Take those of these blocks back, found through the transactions.
-- $1 first block, $2 last block
DELETE FROM address_transactions AS a
USING (SELECT DISTINCT address FROM chain.transaction_parties($1::bigint, $2::bigint)) AS party
WHERE a.address = party.address AND a.block_number >= $1::bigint;
