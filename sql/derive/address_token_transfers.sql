-- name: apply_address_token_transfers :exec
-- One row for each address that took part in each transfer, neighbours side by side.
-- $1 first block, $2 last block
INSERT INTO address_token_transfers (address, block_number, log_index, batch_index, token, roles)
SELECT address, block_number, log_index, batch_index, token, roles
FROM chain.transfer_parties($1::bigint, $2::bigint)
ORDER BY address, block_number, log_index, batch_index;

-- name: revert_address_token_transfers :exec
-- Take those of these blocks back, found through the transfers.
-- $1 first block, $2 last block
DELETE FROM address_token_transfers AS a
USING (SELECT DISTINCT address FROM chain.transfer_parties($1::bigint, $2::bigint)) AS party
WHERE a.address = party.address AND a.block_number >= $1::bigint;
