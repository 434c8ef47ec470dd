-- name: select_account_transaction_blocks :value
-- The blocks of a page of an address's transactions.
-- $1 address, $2 first block, $3 last block, $4 newest first, $5 rows, $6 rows before them
SELECT coalesce(array_agg(DISTINCT p.block_number), '{}') FROM (
    (
        SELECT a.block_number FROM chain.address_transactions AS a
        WHERE NOT $4::boolean AND a.address = $1::bytea AND a.block_number BETWEEN $2::bigint AND $3::bigint
        ORDER BY a.block_number, a.transaction_index LIMIT $5::bigint OFFSET $6::bigint
    )
    UNION ALL
    (
        SELECT a.block_number FROM chain.address_transactions AS a
        WHERE $4::boolean AND a.address = $1::bytea AND a.block_number BETWEEN $2::bigint AND $3::bigint
        ORDER BY a.block_number DESC, a.transaction_index DESC LIMIT $5::bigint OFFSET $6::bigint
    )
) AS p;

-- name: select_account_transactions :one
-- A page of the transactions that an address sent, received, made or was made by; `data` is null where it is too large.
-- $1 address, $2 first block, $3 last block, $4 newest first, $5 rows, $6 rows before them, $7 blocks of the page, $8 bytes of input at most
WITH keys AS (
    (
        SELECT a.block_number, a.transaction_index FROM chain.address_transactions AS a
        WHERE NOT $4::boolean AND a.address = $1::bytea AND a.block_number BETWEEN $2::bigint AND $3::bigint
        ORDER BY a.block_number, a.transaction_index LIMIT $5::bigint OFFSET $6::bigint
    )
    UNION ALL
    (
        SELECT a.block_number, a.transaction_index FROM chain.address_transactions AS a
        WHERE $4::boolean AND a.address = $1::bytea AND a.block_number BETWEEN $2::bigint AND $3::bigint
        ORDER BY a.block_number DESC, a.transaction_index DESC LIMIT $5::bigint OFFSET $6::bigint
    )
), rows AS (
    SELECT x.*, b.hash AS block_hash, c.signature,
           row_number() OVER (ORDER BY x.block_number, x.transaction_index) * CASE WHEN $4::boolean THEN -1 ELSE 1 END
               AS place
    FROM keys AS k
    JOIN chain.transactions AS x ON x.block_number = k.block_number AND x.transaction_index = k.transaction_index
    JOIN chain.blocks AS b ON b.number = k.block_number
    LEFT JOIN chain.decoded_calls AS c
        ON c.block_number = k.block_number AND c.transaction_index = k.transaction_index AND c.block_number = ANY ($7::bigint[])
    WHERE x.block_number = ANY ($7::bigint[]) AND b.number = ANY ($7::bigint[])
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       (SELECT coalesce(bool_and(k.block_number = ANY ($7::bigint[])), true) FROM keys AS k) AS covered,
       CASE WHEN (SELECT coalesce(sum(octet_length(r.input)), 0) FROM rows AS r) <= $8::bigint THEN (
           SELECT coalesce(json_agg(json_build_object(
               'blockNumber', r.block_number::text,
               'timeStamp', extract(epoch FROM r.timestamp)::bigint::text,
               'hash', '0x' || encode(r.hash, 'hex'),
               'nonce', r.nonce::text,
               'blockHash', '0x' || encode(r.block_hash, 'hex'),
               'transactionIndex', r.transaction_index::text,
               'from', '0x' || encode(r.from_address, 'hex'),
               'to', coalesce('0x' || encode(r.to_address, 'hex'), ''),
               'value', r.value::text,
               'gas', r.gas_limit::text,
               'gasPrice', coalesce(r.effective_gas_price, r.gas_price, r.max_fee_per_gas)::text,
               'isError', CASE WHEN r.status = 0 THEN '1' ELSE '0' END,
               'txreceipt_status', coalesce(r.status::text, ''),
               'input', '0x' || encode(r.input, 'hex'),
               'contractAddress', coalesce('0x' || encode(r.contract_address, 'hex'), ''),
               'cumulativeGasUsed', r.cumulative_gas_used::text,
               'gasUsed', r.gas_used::text,
               'confirmations', (t.head_number - r.block_number + 1)::text,
               'methodId', CASE WHEN r.to_address IS NULL OR octet_length(r.input) < 4 THEN '0x'
                                ELSE '0x' || encode(substr(r.input, 1, 4), 'hex') END,
               'functionName', coalesce(r.signature, '')
           ) ORDER BY r.place), '[]')
           FROM rows AS r
       ) END::text AS data
FROM chain.tip AS t
LEFT JOIN chain.derivations AS d ON d.derivation = 'address_transactions';

-- name: select_transaction_block :value
-- The block of a transaction by its hash; null where it is not indexed.
-- $1 hash
SELECT block_number FROM chain.transaction_locations WHERE hash = $1::bytea;

-- name: select_transaction_status :one
-- Whether a transaction failed and why, after its receipt; `data` is null where it is not in the block.
-- $1 hash, $2 its block
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       x.status,
       CASE WHEN x.hash IS NOT NULL THEN json_build_object(
           'isError', CASE WHEN x.status = 0 THEN '1' ELSE '0' END,
           'errDescription', CASE WHEN x.status = 0
               THEN coalesce(c.error_reason, c.error_signature, 'execution reverted or out of gas') ELSE '' END
       ) END::text AS data
FROM chain.tip AS t
LEFT JOIN chain.transaction_locations AS y ON y.hash = $1::bytea AND y.block_number = $2::bigint
LEFT JOIN chain.transactions AS x
    ON x.block_number = $2::bigint AND x.transaction_index = y.transaction_index AND x.hash = y.hash
LEFT JOIN chain.decoded_calls AS c ON c.block_number = $2::bigint AND c.transaction_index = x.transaction_index;

-- name: select_transaction :one
-- A transaction with its logs; `data` is null where it is not in the block.
-- $1 hash, $2 its block
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       CASE WHEN x.hash IS NOT NULL THEN json_build_object(
           'hash', '0x' || encode(x.hash, 'hex'),
           'timeStamp', extract(epoch FROM x.timestamp)::bigint::text,
           'blockNumber', x.block_number::text,
           'confirmations', (t.head_number - x.block_number + 1)::text,
           'success', coalesce(x.status, 1) = 1,
           'from', '0x' || encode(x.from_address, 'hex'),
           'to', coalesce('0x' || encode(x.to_address, 'hex'), ''),
           'value', x.value::text,
           'input', '0x' || encode(x.input, 'hex'),
           'gasLimit', x.gas_limit::text,
           'gasUsed', x.gas_used::text,
           'gasPrice', coalesce(x.effective_gas_price, x.gas_price, x.max_fee_per_gas)::text,
           'logs', (
               SELECT coalesce(json_agg(json_build_object(
                   'address', '0x' || encode(l.address, 'hex'),
                   'topics', (
                       SELECT coalesce(json_agg('0x' || encode(p.topic, 'hex') ORDER BY p.place), '[]')
                       FROM unnest(ARRAY[l.topic0, l.topic1, l.topic2, l.topic3]) WITH ORDINALITY AS p (topic, place)
                       WHERE p.topic IS NOT NULL
                   ),
                   'data', '0x' || encode(l.data, 'hex'),
                   'index', l.log_index::text
               ) ORDER BY l.log_index), '[]')
               FROM chain.logs AS l
               WHERE l.block_number = $2::bigint AND l.transaction_index = x.transaction_index
           ),
           'revertReason', coalesce('0x' || encode(x.revert_reason, 'hex'), ''),
           'next_page_params', NULL
       ) END::text AS data
FROM chain.tip AS t
LEFT JOIN chain.transaction_locations AS y ON y.hash = $1::bytea AND y.block_number = $2::bigint
LEFT JOIN chain.transactions AS x
    ON x.block_number = $2::bigint AND x.transaction_index = y.transaction_index AND x.hash = y.hash;
