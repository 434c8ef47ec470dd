-- name: lock_abi_state :value
-- The version of the ABIs; whoever decodes ends first, and waits from now on.
-- no parameters
SELECT version FROM chain.abi_state FOR UPDATE;

-- name: raise_abi_version :value
-- The version of what this transaction makes known.
-- no parameters
SELECT chain.raise_abi_version();

-- name: insert_contract_abi :value
-- Put an ABI in force; its id.
-- $1 name, $2 source, $3 content, $4 its hash, $5 address, $6 factory, $7 its event, $8 argument, $9 from block, $10 version
INSERT INTO chain.contract_abis (
    name, source, content, content_hash, address, factory, factory_event, factory_argument, from_block, added_version
)
VALUES (
    $1::text, $2::text, $3::text::jsonb, $4::bytea, $5::bytea, $6::bytea, $7::text::jsonb, $8::text, $9::bigint,
    $10::bigint
)
RETURNING id;

-- name: remove_contract_abi :exec
-- Put an ABI out of force; what was read by it stays.
-- $1 id, $2 version
UPDATE chain.contract_abis SET removed_version = $2::bigint, removed_at = now() WHERE id = $1::bigint;

-- name: select_contract_abis :many
-- The ABIs in force, the oldest first.
-- no parameters
SELECT id, name, source, content, content_hash, address, factory, factory_event, factory_argument, from_block
FROM chain.contract_abis
WHERE removed_version IS NULL
ORDER BY id;

-- name: select_named_abis :many
-- The ABIs of a name or with an id, those in force first, then the one removed last.
-- $1 name, $2 id
SELECT id, name, address, factory, factory_event, factory_argument, from_block, content, content_hash,
       removed_version IS NULL AS is_in_force
FROM chain.contract_abis
WHERE name = $1::text OR id = $2::bigint
ORDER BY removed_version IS NULL DESC, removed_version DESC, id DESC;

-- name: select_decoded_range :one
-- The blocks whose events are decoded; no row before the first.
-- no parameters
SELECT first_block, derived_to FROM chain.derivations
WHERE derivation = 'decoded_events' AND derived_to >= first_block;
