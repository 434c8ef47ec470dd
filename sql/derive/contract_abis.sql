-- name: share_abi_state :one
-- The version of the ABIs; what raises it waits until this transaction ends.
-- no parameters
SELECT version, stamp FROM chain.abi_state FOR SHARE;

-- name: select_abi_state :one
-- The version of the ABIs.
-- no parameters
SELECT version, stamp FROM chain.abi_state;

-- name: select_abis_in_force :many
-- The ABIs of a version, the newest first, without what they declare.
-- $1 version
SELECT id, name, address, factory, factory_event, factory_argument, from_block, content_hash
FROM chain.contract_abis
WHERE added_version <= $1::bigint AND (removed_version > $1::bigint OR removed_version IS NULL)
ORDER BY id DESC;

-- name: select_abi_contents :many
-- What some ABIs declare.
-- $1 ids
SELECT content_hash, content FROM chain.contract_abis WHERE id = ANY ($1::bigint[]);
