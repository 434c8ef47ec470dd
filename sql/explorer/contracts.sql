-- name: select_contracts_blocks :value
-- The blocks that a page of contracts names.
-- $1 limit, $2 whether it runs upwards, $3 first block and $4 address of the cursor
WITH found AS (
    (
        SELECT a.* FROM chain.addresses AS a
        WHERE NOT $2::boolean AND a.contract_block IS NOT NULL
          AND (a.contract_block, a.address)
            < (coalesce($3::bigint, 9223372036854775807), coalesce($4::bytea, '\x'::bytea))
        ORDER BY a.contract_block DESC, a.address DESC LIMIT $1::integer + 1
    )
    UNION ALL
    (
        SELECT a.* FROM chain.addresses AS a
        WHERE $2::boolean AND a.contract_block IS NOT NULL
          AND (a.contract_block, a.address) > (coalesce($3::bigint, -1), coalesce($4::bytea, '\x'::bytea))
        ORDER BY a.contract_block, a.address LIMIT $1::integer + 1
    )
)
SELECT array_agg(DISTINCT b.number)
FROM found AS x
CROSS JOIN LATERAL (VALUES (x.contract_block), (x.creation_block)) AS b (number)
WHERE b.number IS NOT NULL;

-- name: select_contracts :one
-- A page of contracts, by the block in which they behaved as one first.
-- $1 limit, $2 whether it runs upwards, $3 sequence of the cursor, $4 first block and $5 address of the cursor, $6 whether the list begins with the oldest, $7 blocks it is thought to name, or null where facts are plain tables
WITH found AS (
    (
        SELECT a.* FROM chain.addresses AS a
        WHERE NOT $2::boolean AND a.contract_block IS NOT NULL
          AND (a.contract_block, a.address)
            < (coalesce($4::bigint, 9223372036854775807), coalesce($5::bytea, '\x'::bytea))
        ORDER BY a.contract_block DESC, a.address DESC LIMIT $1::integer + 1
    )
    UNION ALL
    (
        SELECT a.* FROM chain.addresses AS a
        WHERE $2::boolean AND a.contract_block IS NOT NULL
          AND (a.contract_block, a.address) > (coalesce($4::bigint, -1), coalesce($5::bytea, '\x'::bytea))
        ORDER BY a.contract_block, a.address LIMIT $1::integer + 1
    )
), placed AS (
    SELECT f.*, row_number() OVER (ORDER BY f.contract_block, f.address) AS height, count(*) OVER () AS found
    FROM found AS f
), rows AS (
    SELECT p.*, CASE WHEN $6::boolean THEN p.height ELSE -p.height END AS place
    FROM placed AS p
    WHERE CASE WHEN $2::boolean THEN p.height ELSE p.found + 1 - p.height END <= $1::integer
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       (SELECT min(x.ancestor_number) FROM chain.reorgs AS x WHERE x.sequence > $3::bigint) AS reorged_to,
       (SELECT count(*) FROM found) > $1::integer AS more,
       (SELECT ARRAY[contract_block::text, encode(address, 'hex')] FROM rows ORDER BY place LIMIT 1) AS first_key,
       (SELECT ARRAY[contract_block::text, encode(address, 'hex')] FROM rows ORDER BY place DESC LIMIT 1) AS last_key,
       $7::bigint[] IS NULL OR NOT EXISTS (
           SELECT FROM rows AS r
           WHERE NOT r.contract_block = ANY ($7::bigint[]) OR NOT r.creation_block = ANY ($7::bigint[])
       ) AS hint_holds,
       (
           SELECT coalesce(json_agg(json_build_object(
               'address', '0x' || encode(r.address, 'hex'),
               'label', coalesce(
                   (SELECT n.name FROM chain.contract_abis AS n
                    WHERE n.removed_version IS NULL
                      AND (n.address = r.address
                           OR n.id IN (SELECT h.abi_id FROM chain.factory_children AS h WHERE h.child = r.address))
                    ORDER BY n.address IS NULL, n.id DESC LIMIT 1),
                   (SELECT m.symbol FROM chain.token_metadata AS m WHERE m.token = r.address)),
               'first_block', r.contract_block,
               'first_seen', f.timestamp,
               'creation', CASE WHEN r.creation_block IS NOT NULL THEN json_build_object(
                   'creator', '0x' || encode(r.creator, 'hex'),
                   'block_number', r.creation_block,
                   'transaction_index', r.creation_transaction_index,
                   'transaction_hash', '0x' || encode(x.hash, 'hex')
               ) END,
               'code_kind', c.kind,
               'code_size', c.code_size,
               'transaction_count', r.transaction_count,
               'token_transfer_count', r.token_transfer_count,
               'log_count', r.log_count,
               'standards', ARRAY(SELECT 'ERC-' || k.standard FROM chain.tokens AS k
                                  WHERE k.token = r.address ORDER BY k.standard)
           ) ORDER BY r.place), '[]')
           FROM rows AS r
           LEFT JOIN chain.blocks AS f ON f.number = r.contract_block AND ($7::bigint[] IS NULL OR f.number = ANY ($7::bigint[]))
           LEFT JOIN chain.transactions AS x
               ON x.block_number = r.creation_block AND x.transaction_index = r.creation_transaction_index
              AND ($7::bigint[] IS NULL OR x.block_number = ANY ($7::bigint[]))
           LEFT JOIN chain.contract_codes AS c ON c.address = r.address
       )::text AS data
FROM chain.tip AS t
LEFT JOIN chain.derivations AS d ON d.derivation = 'addresses';

-- name: select_contract_blocks :value
-- The blocks that the answer about a contract names, the first of them the one that saw it first; null: no contract.
-- $1 address
SELECT ARRAY[a.contract_block, coalesce(a.creation_block, a.contract_block)]
FROM chain.addresses AS a
WHERE a.address = $1::bytea AND a.contract_block IS NOT NULL;

-- name: select_contract :one
-- One contract; `data` is null where the address never behaved as one.
-- $1 address, $2 blocks it is thought to name, or null where facts are plain tables, $3 names and $4 entries of the ABIs that are shipped, $5 lowest and $6 highest block whose events tell which of these read it
WITH pointer AS (
    SELECT p.* FROM chain.proxy_implementations AS p WHERE p.proxy = $1::bytea
    ORDER BY p.block_number DESC, p.log_index DESC LIMIT 1
), behind AS (
    -- What the beacon points to.
    SELECT b.*
    FROM pointer AS p
    CROSS JOIN LATERAL (
        SELECT b.* FROM chain.proxy_implementations AS b WHERE b.proxy = p.target
        ORDER BY b.block_number DESC, b.log_index DESC LIMIT 1
    ) AS b
    WHERE p.kind = 'beacon'
), runs AS (
    SELECT CASE WHEN p.proxy IS NULL THEN c.clone_of
                WHEN p.kind = 'implementation' THEN p.target
                WHEN b.proxy IS NULL THEN e.beacon_implementation
                WHEN b.kind = 'implementation' THEN b.target END AS implementation,
           CASE WHEN p.kind = 'beacon' THEN p.target END AS beacon,
           CASE WHEN p.proxy IS NOT NULL THEN p.kind WHEN c.clone_of IS NOT NULL THEN 'clone' END AS kind
    FROM (SELECT) AS one
    LEFT JOIN pointer AS p ON true
    LEFT JOIN behind AS b ON true
    LEFT JOIN chain.contract_codes AS c ON c.address = $1::bytea
    LEFT JOIN chain.contract_codes AS e ON e.address = p.target
), abis AS (
    SELECT 1 AS rank, 'contract' AS scope, a.* FROM chain.contract_abis AS a WHERE a.address = $1::bytea
    UNION ALL
    SELECT 2, 'implementation', a.* FROM runs AS r JOIN chain.contract_abis AS a ON a.address = r.implementation
    WHERE r.implementation <> $1::bytea
    UNION ALL
    SELECT 3, 'factory', a.* FROM chain.contract_abis AS a
    WHERE a.id IN (SELECT h.abi_id FROM chain.factory_children AS h WHERE h.child = $1::bytea)
    UNION ALL
    SELECT 4, 'everywhere', a.* FROM chain.contract_abis AS a WHERE a.address IS NULL AND a.factory IS NULL
), in_force AS (
    SELECT a.rank, a.scope, a.name, coalesce(a.address, a.factory) AS registered_for, a.from_block, -a.id AS place, a.content
    FROM abis AS a
    CROSS JOIN chain.tip AS t
    WHERE a.removed_version IS NULL AND a.from_block <= t.head_number
    UNION ALL
    SELECT 5, 'built_in', s.name, NULL, 0, s.place, s.content::jsonb
    FROM unnest($3::text[], $4::text[]) WITH ORDINALITY AS s (name, content, place)
    WHERE s.name IN (
        SELECT e.abi
        FROM (
            SELECT e.abi FROM chain.decoded_events AS e
            WHERE e.address = $1::bytea AND e.block_number BETWEEN $5::bigint AND $6::bigint
            ORDER BY e.block_number, e.log_index LIMIT 200
        ) AS e
        UNION ALL
        SELECT 'erc' || k.standard FROM chain.tokens AS k WHERE k.token = $1::bytea
        UNION ALL
        SELECT 'erc1967' FROM pointer
    )
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       coalesce(a.contract_block = ANY ($2::bigint[])
                AND coalesce(a.creation_block, a.contract_block) = ANY ($2::bigint[]), true) AS hint_holds,
       CASE WHEN a.address IS NOT NULL THEN json_build_object(
               'address', '0x' || encode(a.address, 'hex'),
               'label', coalesce(
                   (SELECT n.name FROM chain.contract_abis AS n
                    WHERE n.removed_version IS NULL
                      AND (n.address = a.address
                           OR n.id IN (SELECT h.abi_id FROM chain.factory_children AS h WHERE h.child = a.address))
                    ORDER BY n.address IS NULL, n.id DESC LIMIT 1),
                   (SELECT m.symbol FROM chain.token_metadata AS m WHERE m.token = a.address)),
               'first_block', a.contract_block,
               'first_seen', f.timestamp,
               'creation', CASE WHEN a.creation_block IS NOT NULL THEN json_build_object(
                   'creator', '0x' || encode(a.creator, 'hex'),
                   'block_number', a.creation_block,
                   'transaction_index', a.creation_transaction_index,
                   'transaction_hash', '0x' || encode(x.hash, 'hex')
               ) END,
               'code_kind', c.kind,
               'code_size', c.code_size,
               'transaction_count', a.transaction_count,
               'token_transfer_count', a.token_transfer_count,
               'log_count', a.log_count,
               'standards', ARRAY(SELECT 'ERC-' || k.standard FROM chain.tokens AS k
                                  WHERE k.token = a.address ORDER BY k.standard),
               'native', CASE WHEN n.address IS NOT NULL THEN json_build_object(
                   'balance', n.balance::text,
                   'block_number', n.block_number,
                   'block_hash', '0x' || encode(n.block_hash, 'hex'),
                   'fetched_at', n.fetched_at,
                   'fresh', n.block_number >= coalesce(a.last_block, 0)
                       AND NOT EXISTS (SELECT FROM chain.unread_balances AS u WHERE u.address = a.address)
               ) END,
               'code', CASE WHEN c.address IS NOT NULL THEN json_build_object(
                   'kind', c.kind,
                   'code_hash', '0x' || encode(c.code_hash, 'hex'),
                   'code_size', c.code_size,
                   'clone_of', '0x' || encode(c.clone_of, 'hex'),
                   'delegated_to', '0x' || encode(c.delegated_to, 'hex'),
                   'block_number', c.block_number
               ) END,
               'proxy', CASE WHEN r.kind IS NOT NULL THEN json_build_object(
                   'kind', r.kind,
                   'beacon', '0x' || encode(r.beacon, 'hex'),
                   'implementation', '0x' || encode(r.implementation, 'hex'),
                   'history', coalesce(h.history, '[]'),
                   'more_history', h.more
               ) END,
               'factory', (
                   SELECT json_build_object('factory', '0x' || encode(y.factory, 'hex'),
                                            'block_number', y.block_number, 'log_index', y.log_index)
                   FROM chain.factory_children AS y WHERE y.child = a.address
                   ORDER BY y.block_number, y.log_index LIMIT 1
               ),
               'abis', (
                   SELECT coalesce(json_agg(json_build_object(
                   'name', i.name,
                   'scope', i.scope,
                   'of', '0x' || encode(i.registered_for, 'hex'),
                   'from_block', i.from_block
                   ) ORDER BY i.rank, i.place), '[]') FROM in_force AS i
               )
       ) END::text AS data
FROM chain.tip AS t
CROSS JOIN runs AS r
LEFT JOIN chain.derivations AS d ON d.derivation = 'addresses'
LEFT JOIN chain.addresses AS a ON a.address = $1::bytea AND a.contract_block IS NOT NULL
LEFT JOIN chain.blocks AS f ON f.number = a.contract_block AND ($2::bigint[] IS NULL OR f.number = ANY ($2::bigint[]))
LEFT JOIN chain.transactions AS x
    ON x.block_number = a.creation_block AND x.transaction_index = a.creation_transaction_index
   AND ($2::bigint[] IS NULL OR x.block_number = ANY ($2::bigint[]))
LEFT JOIN chain.contract_codes AS c ON c.address = a.address
LEFT JOIN chain.native_balances AS n ON n.address = a.address
CROSS JOIN LATERAL (
    SELECT count(*) > 100 AS more,
           json_agg(json_build_object('block_number', p.block_number, 'transaction_index', p.transaction_index,
                                      'log_index', p.log_index, 'kind', p.kind,
                                      'target', '0x' || encode(p.target, 'hex'))
                    ORDER BY p.block_number DESC, p.log_index DESC) FILTER (WHERE p.place <= 100) AS history
    FROM (
        SELECT p.*, row_number() OVER (ORDER BY p.block_number DESC, p.log_index DESC) AS place
        FROM chain.proxy_implementations AS p WHERE p.proxy = $1::bytea
        ORDER BY p.block_number DESC, p.log_index DESC LIMIT 101
    ) AS p
) AS h;

-- name: select_contract_abis :one
-- The ABIs in force for a contract, with their entries; `data` is null where the address never behaved as one.
-- $1 address, $2 its first blocks as thought, or null where facts are plain tables, $3 names and $4 entries of the ABIs that are shipped, $5 lowest and $6 highest block whose events tell which of these read it
WITH pointer AS (
    SELECT p.* FROM chain.proxy_implementations AS p WHERE p.proxy = $1::bytea
    ORDER BY p.block_number DESC, p.log_index DESC LIMIT 1
), behind AS (
    -- What the beacon points to.
    SELECT b.*
    FROM pointer AS p
    CROSS JOIN LATERAL (
        SELECT b.* FROM chain.proxy_implementations AS b WHERE b.proxy = p.target
        ORDER BY b.block_number DESC, b.log_index DESC LIMIT 1
    ) AS b
    WHERE p.kind = 'beacon'
), runs AS (
    SELECT CASE WHEN p.proxy IS NULL THEN c.clone_of
                WHEN p.kind = 'implementation' THEN p.target
                WHEN b.proxy IS NULL THEN e.beacon_implementation
                WHEN b.kind = 'implementation' THEN b.target END AS implementation,
           CASE WHEN p.kind = 'beacon' THEN p.target END AS beacon,
           CASE WHEN p.proxy IS NOT NULL THEN p.kind WHEN c.clone_of IS NOT NULL THEN 'clone' END AS kind
    FROM (SELECT) AS one
    LEFT JOIN pointer AS p ON true
    LEFT JOIN behind AS b ON true
    LEFT JOIN chain.contract_codes AS c ON c.address = $1::bytea
    LEFT JOIN chain.contract_codes AS e ON e.address = p.target
), abis AS (
    SELECT 1 AS rank, 'contract' AS scope, a.* FROM chain.contract_abis AS a WHERE a.address = $1::bytea
    UNION ALL
    SELECT 2, 'implementation', a.* FROM runs AS r JOIN chain.contract_abis AS a ON a.address = r.implementation
    WHERE r.implementation <> $1::bytea
    UNION ALL
    SELECT 3, 'factory', a.* FROM chain.contract_abis AS a
    WHERE a.id IN (SELECT h.abi_id FROM chain.factory_children AS h WHERE h.child = $1::bytea)
    UNION ALL
    SELECT 4, 'everywhere', a.* FROM chain.contract_abis AS a WHERE a.address IS NULL AND a.factory IS NULL
), in_force AS (
    SELECT a.rank, a.scope, a.name, coalesce(a.address, a.factory) AS registered_for, a.from_block, -a.id AS place, a.content
    FROM abis AS a
    CROSS JOIN chain.tip AS t
    WHERE a.removed_version IS NULL AND a.from_block <= t.head_number
    UNION ALL
    SELECT 5, 'built_in', s.name, NULL, 0, s.place, s.content::jsonb
    FROM unnest($3::text[], $4::text[]) WITH ORDINALITY AS s (name, content, place)
    WHERE s.name IN (
        SELECT e.abi
        FROM (
            SELECT e.abi FROM chain.decoded_events AS e
            WHERE e.address = $1::bytea AND e.block_number BETWEEN $5::bigint AND $6::bigint
            ORDER BY e.block_number, e.log_index LIMIT 200
        ) AS e
        UNION ALL
        SELECT 'erc' || k.standard FROM chain.tokens AS k WHERE k.token = $1::bytea
        UNION ALL
        SELECT 'erc1967' FROM pointer
    )
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       coalesce(a.contract_block = ANY ($2::bigint[]), true) AS hint_holds,
       CASE WHEN a.address IS NOT NULL THEN json_build_object(
           'address', '0x' || encode(a.address, 'hex'),
           'abis', (
               SELECT coalesce(json_agg(json_build_object(
                   'name', i.name,
                   'scope', i.scope,
                   'of', '0x' || encode(i.registered_for, 'hex'),
                   'from_block', i.from_block,
                   'entries', i.content
               ) ORDER BY i.rank, i.place), '[]') FROM in_force AS i
           )
       ) END::text AS data
FROM chain.tip AS t
LEFT JOIN chain.addresses AS a ON a.address = $1::bytea AND a.contract_block IS NOT NULL;
