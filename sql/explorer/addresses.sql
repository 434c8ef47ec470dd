-- name: select_creation_block :value
-- The block whose transaction created a contract.
-- $1 address
SELECT creation_block FROM chain.addresses WHERE address = $1::bytea;

-- name: select_address :one
-- What blocks say of an address, and what was asked of the node about it.
-- $1 address, $2 the block that created it as far as is known, -1 for none, null where facts are no hypertables
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       coalesce(a.creation_block, -1) = coalesce($2::bigint, a.creation_block, -1) AS holds,
       json_build_object(
           'address', '0x' || encode($1::bytea, 'hex'),
           'seen', a.address IS NOT NULL,
           'is_contract', a.contract_block IS NOT NULL OR coalesce(k.kind IN ('contract', 'clone'), false),
           'label', coalesce(l.abis[1], m.symbol),
           'abis', l.abis,
           'native', (
               SELECT json_build_object(
                   'balance', b.balance::text,
                   'block_number', b.block_number,
                   'block_hash', '0x' || encode(b.block_hash, 'hex'),
                   'fetched_at', b.fetched_at,
                   'fresh', NOT EXISTS (SELECT FROM chain.unread_balances AS u WHERE u.address = b.address))
               FROM chain.native_balances AS b WHERE b.address = $1::bytea
           ),
           'nonce', a.nonce::text,
           'first_block', a.first_block,
           'last_block', a.last_block,
           'creation', CASE WHEN a.creation_block IS NOT NULL THEN json_build_object(
               'creator', '0x' || encode(a.creator, 'hex'),
               'block_number', a.creation_block,
               'transaction_index', a.creation_transaction_index,
               'transaction_hash', (
                   SELECT '0x' || encode(x.hash, 'hex') FROM chain.transactions AS x
                   WHERE x.block_number = coalesce($2::bigint, a.creation_block)
                     AND x.transaction_index = a.creation_transaction_index
               )) END,
           'code', CASE WHEN k.address IS NOT NULL THEN json_build_object(
               'kind', k.kind,
               'code_hash', '0x' || encode(k.code_hash, 'hex'),
               'code_size', k.code_size,
               'clone_of', '0x' || encode(k.clone_of, 'hex'),
               'delegated_to', '0x' || encode(k.delegated_to, 'hex'),
               'block_number', k.block_number) END,
           'proxy', (
               SELECT json_build_object(
                   'kind', p.kind,
                   'target', '0x' || encode(p.target, 'hex'),
                   'implementation', '0x' || encode(CASE WHEN p.kind = 'implementation' THEN p.target ELSE coalesce(
                       (SELECT i.target FROM chain.proxy_implementations AS i
                        WHERE i.proxy = p.target AND i.kind = 'implementation'
                        ORDER BY i.block_number DESC, i.log_index DESC LIMIT 1),
                       (SELECT i.beacon_implementation FROM chain.contract_codes AS i WHERE i.address = p.target)
                   ) END, 'hex'),
                   'block_number', p.block_number)
               FROM chain.proxy_implementations AS p
               WHERE p.proxy = $1::bytea
               ORDER BY p.block_number DESC, p.log_index DESC LIMIT 1
           ),
           'token', CASE WHEN m.token IS NOT NULL OR s.standards IS NOT NULL THEN json_build_object(
               'standards', coalesce(s.standards, '{}'),
               'name', m.name,
               'symbol', m.symbol,
               'decimals', m.decimals,
               'total_supply', m.total_supply::text) END,
           'counters', json_build_object(
               'address', '0x' || encode($1::bytea, 'hex'),
               'seen', a.address IS NOT NULL,
               'transactions', coalesce(a.transaction_count, 0),
               'sent', coalesce(a.sent_count, 0),
               'received', coalesce(a.received_count, 0),
               'created', coalesce(a.created_count, 0),
               'token_transfers', coalesce(a.token_transfer_count, 0),
               'logs', coalesce(a.log_count, 0))
       )::text AS data
FROM chain.tip AS t
LEFT JOIN chain.derivations AS d ON d.derivation = 'addresses'
LEFT JOIN chain.addresses AS a ON a.address = $1::bytea
LEFT JOIN chain.contract_codes AS k ON k.address = $1::bytea
LEFT JOIN chain.token_metadata AS m ON m.token = $1::bytea AND m.state IN ('read', 'partial')
CROSS JOIN LATERAL (
    SELECT array_agg('ERC-' || o.standard ORDER BY o.standard) AS standards
    FROM chain.tokens AS o WHERE o.token = $1::bytea
) AS s
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(DISTINCT n.name ORDER BY n.name), '{}') AS abis
    FROM (
        SELECT i.name FROM chain.contract_abis AS i WHERE i.address = $1::bytea AND i.removed_version IS NULL
        UNION ALL
        SELECT i.name FROM chain.factory_children AS c
        JOIN chain.contract_abis AS i ON i.id = c.abi_id AND i.removed_version IS NULL
        WHERE c.child = $1::bytea
    ) AS n
) AS l;

-- name: select_address_counters :one
-- How often an address took part in what.
-- $1 address
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       json_build_object(
           'address', '0x' || encode($1::bytea, 'hex'),
           'seen', a.address IS NOT NULL,
           'transactions', coalesce(a.transaction_count, 0),
           'sent', coalesce(a.sent_count, 0),
           'received', coalesce(a.received_count, 0),
           'created', coalesce(a.created_count, 0),
           'token_transfers', coalesce(a.token_transfer_count, 0),
           'logs', coalesce(a.log_count, 0)
       )::text AS data
FROM chain.tip AS t
LEFT JOIN chain.derivations AS d ON d.derivation = 'addresses'
LEFT JOIN chain.addresses AS a ON a.address = $1::bytea;

-- name: select_address_tokens :one
-- A page of what an address holds, by token; `more` and the keys go along token, standard and token id.
-- $1 limit, $2 backward, $3 sequence of the cursor, $4 its token, $5 its standard, $6 its token id, $7 address
WITH found AS (
    (
        SELECT h.* FROM chain.token_balances AS h
        WHERE NOT $2::boolean AND h.holder = $7::bytea AND h.balance > 0
          AND (h.token, h.standard, h.token_id)
            > (coalesce($4::bytea, ''), coalesce($5::smallint, 0::smallint), coalesce($6::numeric, 0))
        ORDER BY h.token, h.standard, h.token_id LIMIT $1::integer + 1
    )
    UNION ALL
    (
        SELECT h.* FROM chain.token_balances AS h
        WHERE $2::boolean AND h.holder = $7::bytea AND h.balance > 0
          AND (h.token, h.standard, h.token_id) < ($4::bytea, $5::smallint, $6::numeric)
        ORDER BY h.token DESC, h.standard DESC, h.token_id DESC LIMIT $1::integer + 1
    )
), rows AS (
    SELECT p.*
    FROM (
        SELECT f.*, CASE WHEN $2::boolean THEN row_number() OVER (ORDER BY f.token DESC, f.standard DESC, f.token_id DESC)
                    ELSE row_number() OVER (ORDER BY f.token, f.standard, f.token_id) END AS place
        FROM found AS f
    ) AS p
    WHERE p.place <= $1::integer
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       (SELECT min(o.ancestor_number) FROM chain.reorgs AS o WHERE o.sequence > $3::bigint) AS reorged_to,
       (SELECT count(*) FROM found) > $1::integer AS more,
       (SELECT ARRAY[encode(token, 'hex'), standard::text, token_id::text] FROM rows ORDER BY token, standard, token_id LIMIT 1) AS first_key,
       (SELECT ARRAY[encode(token, 'hex'), standard::text, token_id::text] FROM rows
        ORDER BY token DESC, standard DESC, token_id DESC LIMIT 1) AS last_key,
       (
           SELECT coalesce(json_agg(json_build_object(
               'token', json_build_object(
                   'address', '0x' || encode(r.token, 'hex'), 'name', n.name, 'symbol', n.symbol, 'decimals', n.decimals),
               'standard', 'ERC-' || r.standard,
               'token_id', CASE WHEN r.standard <> 20 THEN r.token_id::text END,
               'balance', r.balance::text,
               'transfer_count', r.transfer_count,
               'first_block', r.first_block
           ) ORDER BY r.token, r.standard, r.token_id), '[]')
           FROM rows AS r
           LEFT JOIN chain.token_metadata AS n ON n.token = r.token
       )::text AS data
FROM chain.tip AS t
LEFT JOIN chain.derivations AS d ON d.derivation = 'token_balances';
