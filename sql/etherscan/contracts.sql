-- name: select_contract_abi :one
-- The ABI by which a contract is read, its name, and what it points to; `abi` is null where nobody registered one.
-- $1 address
WITH proxied AS (
    SELECT p.target FROM chain.proxy_implementations AS p
    WHERE p.proxy = $1::bytea AND p.kind = 'implementation'
    ORDER BY p.block_number DESC, p.log_index DESC LIMIT 1
), code AS (
    SELECT c.clone_of, c.beacon_implementation, c.delegated_to, c.kind FROM chain.contract_codes AS c
    WHERE c.address = $1::bytea
), pointed AS (
    SELECT coalesce((SELECT target FROM proxied), (SELECT coalesce(clone_of, beacon_implementation, delegated_to) FROM code))
               AS implementation
), candidates AS (
    SELECT 1 AS rank, a.id FROM chain.contract_abis AS a WHERE a.address = $1::bytea AND a.removed_version IS NULL
    UNION ALL
    SELECT 2, f.abi_id FROM chain.factory_children AS f WHERE f.child = $1::bytea
    UNION ALL
    SELECT 3, a.id FROM pointed AS p
    JOIN chain.contract_abis AS a ON a.address = p.implementation AND a.removed_version IS NULL
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       f.name, f.abi, coalesce('0x' || encode(p.implementation, 'hex'), '') AS implementation,
       (SELECT c.kind IN ('contract', 'clone') FROM code AS c) AS is_contract,
       to_json(f.abi)::text AS data
FROM chain.tip AS t
CROSS JOIN pointed AS p
LEFT JOIN LATERAL (
    SELECT a.name, a.content::text AS abi FROM candidates AS c
    JOIN chain.contract_abis AS a ON a.id = c.id AND a.removed_version IS NULL
    ORDER BY c.rank, a.from_block DESC, a.id DESC LIMIT 1
) AS f ON true;

-- name: select_creation_blocks :value
-- The blocks in which contracts were created by a transaction.
-- $1 addresses
SELECT coalesce(array_agg(DISTINCT a.creation_block), '{}') FROM chain.addresses AS a
WHERE a.address = ANY ($1::bytea[]) AND a.creation_block IS NOT NULL;

-- name: select_contract_creations :one
-- Who created contracts, by which transaction; those created within a transaction are left out.
-- $1 addresses, $2 blocks of their creation
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       (
           SELECT coalesce(bool_and(a.creation_block = ANY ($2::bigint[])), true) FROM chain.addresses AS a
           WHERE a.address = ANY ($1::bytea[]) AND a.creation_block IS NOT NULL
       ) AS covered,
       (
           SELECT coalesce(json_agg(json_build_object(
               'contractAddress', '0x' || encode(a.address, 'hex'),
               'contractCreator', '0x' || encode(a.creator, 'hex'),
               'txHash', '0x' || encode(x.hash, 'hex'),
               'blockNumber', a.creation_block::text,
               'timestamp', extract(epoch FROM x.timestamp)::bigint::text,
               'contractFactory', ''
           ) ORDER BY g.place), '[]')
           FROM unnest($1::bytea[]) WITH ORDINALITY AS g (address, place)
           JOIN chain.addresses AS a ON a.address = g.address
           JOIN chain.transactions AS x
               ON x.block_number = a.creation_block AND x.transaction_index = a.creation_transaction_index
           WHERE x.block_number = ANY ($2::bigint[])
       )::text AS data
FROM chain.tip AS t
LEFT JOIN chain.derivations AS d ON d.derivation = 'addresses';

-- name: select_contracts :one
-- A page of contracts, oldest first, with the ABI that was registered for each.
-- $1 rows, $2 rows before them
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       (
           SELECT coalesce(json_agg(json_build_object(
               'Address', '0x' || encode(p.address, 'hex'),
               'ABI', coalesce(f.abi, 'Contract source code not verified'),
               'ContractName', coalesce(f.name, ''),
               'CompilerVersion', '',
               'OptimizationUsed', ''
           ) ORDER BY p.contract_block, p.address), '[]')
           FROM (
               SELECT a.address, a.contract_block FROM chain.addresses AS a WHERE a.contract_block IS NOT NULL
               ORDER BY a.contract_block, a.address LIMIT $1::bigint OFFSET $2::bigint
           ) AS p
           LEFT JOIN LATERAL (
               SELECT a.name, a.content::text AS abi FROM chain.contract_abis AS a
               WHERE a.address = p.address AND a.removed_version IS NULL
               ORDER BY a.from_block DESC, a.id DESC LIMIT 1
           ) AS f ON true
       )::text AS data
FROM chain.tip AS t
LEFT JOIN chain.derivations AS d ON d.derivation = 'addresses';
