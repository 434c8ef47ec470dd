-- name: select_account_token_transfer_blocks :value
-- The blocks of a page of an address's token transfers.
-- $1 address, $2 first block, $3 last block, $4 newest first, $5 rows, $6 rows before them, $7 token or null, $8 standard
SELECT coalesce(array_agg(DISTINCT p.block_number), '{}') FROM (
    (
        SELECT a.block_number FROM chain.address_token_transfers AS a
        WHERE NOT $4::boolean AND a.address = $1::bytea AND a.block_number BETWEEN $2::bigint AND $3::bigint
          AND ($7::bytea IS NULL OR a.token = $7::bytea)
          AND EXISTS (SELECT FROM chain.tokens AS k WHERE k.token = a.token AND k.standard = $8::smallint)
        ORDER BY a.block_number, a.log_index, a.batch_index LIMIT $5::bigint OFFSET $6::bigint
    )
    UNION ALL
    (
        SELECT a.block_number FROM chain.address_token_transfers AS a
        WHERE $4::boolean AND a.address = $1::bytea AND a.block_number BETWEEN $2::bigint AND $3::bigint
          AND ($7::bytea IS NULL OR a.token = $7::bytea)
          AND EXISTS (SELECT FROM chain.tokens AS k WHERE k.token = a.token AND k.standard = $8::smallint)
        ORDER BY a.block_number DESC, a.log_index DESC, a.batch_index DESC LIMIT $5::bigint OFFSET $6::bigint
    )
) AS p;

-- name: select_account_token_transfers :one
-- A page of an address's transfers of tokens of one standard.
-- $1 address, $2 first block, $3 last block, $4 newest first, $5 rows, $6 rows before them, $7 token or null, $8 standard, $9 fields left out, $10 blocks of the page
WITH keys AS (
    (
        SELECT a.block_number, a.log_index, a.batch_index FROM chain.address_token_transfers AS a
        WHERE NOT $4::boolean AND a.address = $1::bytea AND a.block_number BETWEEN $2::bigint AND $3::bigint
          AND ($7::bytea IS NULL OR a.token = $7::bytea)
          AND EXISTS (SELECT FROM chain.tokens AS k WHERE k.token = a.token AND k.standard = $8::smallint)
        ORDER BY a.block_number, a.log_index, a.batch_index LIMIT $5::bigint OFFSET $6::bigint
    )
    UNION ALL
    (
        SELECT a.block_number, a.log_index, a.batch_index FROM chain.address_token_transfers AS a
        WHERE $4::boolean AND a.address = $1::bytea AND a.block_number BETWEEN $2::bigint AND $3::bigint
          AND ($7::bytea IS NULL OR a.token = $7::bytea)
          AND EXISTS (SELECT FROM chain.tokens AS k WHERE k.token = a.token AND k.standard = $8::smallint)
        ORDER BY a.block_number DESC, a.log_index DESC, a.batch_index DESC LIMIT $5::bigint OFFSET $6::bigint
    )
), rows AS (
    SELECT m.block_number, m.log_index, m.transaction_index, m.token, m.standard, m.from_address, m.to_address,
           m.token_id, m.amount,
           x.hash, x.timestamp, x.nonce, x.gas_limit, x.gas_used, x.cumulative_gas_used,
           coalesce(x.effective_gas_price, x.gas_price, x.max_fee_per_gas) AS gas_price,
           b.hash AS block_hash, n.name, n.symbol, n.decimals,
           row_number() OVER (ORDER BY m.block_number, m.log_index, m.batch_index)
               * CASE WHEN $4::boolean THEN -1 ELSE 1 END AS place
    FROM keys AS k
    JOIN chain.token_transfers AS m
        ON m.block_number = k.block_number AND m.log_index = k.log_index AND m.batch_index = k.batch_index
    JOIN chain.transactions AS x ON x.block_number = m.block_number AND x.transaction_index = m.transaction_index
    JOIN chain.blocks AS b ON b.number = m.block_number
    LEFT JOIN chain.token_metadata AS n ON n.token = m.token
    WHERE m.block_number = ANY ($10::bigint[]) AND x.block_number = ANY ($10::bigint[])
      AND b.number = ANY ($10::bigint[]) AND m.standard = $8::smallint
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       (SELECT coalesce(bool_and(k.block_number = ANY ($10::bigint[])), true) FROM keys AS k) AS covered,
       (
           SELECT coalesce(json_agg(jsonb_build_object(
               'blockNumber', r.block_number::text,
               'timeStamp', extract(epoch FROM r.timestamp)::bigint::text,
               'hash', '0x' || encode(r.hash, 'hex'),
               'nonce', r.nonce::text,
               'blockHash', '0x' || encode(r.block_hash, 'hex'),
               'from', '0x' || encode(r.from_address, 'hex'),
               'contractAddress', '0x' || encode(r.token, 'hex'),
               'to', '0x' || encode(r.to_address, 'hex'),
               'value', r.amount::text,
               'tokenID', r.token_id::text,
               'tokenValue', r.amount::text,
               'tokenName', coalesce(r.name, ''),
               'tokenSymbol', coalesce(r.symbol, ''),
               'tokenDecimal', coalesce(r.decimals::text, '0'),
               'transactionIndex', r.transaction_index::text,
               'logIndex', r.log_index::text,
               'gas', r.gas_limit::text,
               'gasPrice', r.gas_price::text,
               'gasUsed', r.gas_used::text,
               'cumulativeGasUsed', r.cumulative_gas_used::text,
               'input', 'deprecated',
               'confirmations', (t.head_number - r.block_number + 1)::text
           ) - $9::text[] ORDER BY r.place), '[]')
           FROM rows AS r
       )::text AS data
FROM chain.tip AS t
LEFT JOIN chain.derivations AS d ON d.derivation = 'address_token_transfers';

-- name: select_token_transfers :one
-- A page of one token's transfers within a range of blocks.
-- $1 token, $2 first block, $3 last block, $4 newest first, $5 rows, $6 rows before them, $7 first topics of transfers, $8 standard, $9 fields left out
WITH keys AS (
    (
        SELECT m.* FROM chain.logs AS l
        JOIN chain.token_transfers AS m ON m.block_number = l.block_number AND m.log_index = l.log_index
        WHERE NOT $4::boolean AND l.address = $1::bytea AND l.topic0 = ANY ($7::bytea[])
          AND l.block_number BETWEEN $2::bigint AND $3::bigint AND m.block_number BETWEEN $2::bigint AND $3::bigint
          AND m.standard = $8::smallint
        ORDER BY l.block_number, l.log_index, m.batch_index LIMIT $5::bigint OFFSET $6::bigint
    )
    UNION ALL
    (
        SELECT m.* FROM chain.logs AS l
        JOIN chain.token_transfers AS m ON m.block_number = l.block_number AND m.log_index = l.log_index
        WHERE $4::boolean AND l.address = $1::bytea AND l.topic0 = ANY ($7::bytea[])
          AND l.block_number BETWEEN $2::bigint AND $3::bigint AND m.block_number BETWEEN $2::bigint AND $3::bigint
          AND m.standard = $8::smallint
        ORDER BY l.block_number DESC, l.log_index DESC, m.batch_index DESC LIMIT $5::bigint OFFSET $6::bigint
    )
), rows AS (
    SELECT m.block_number, m.log_index, m.transaction_index, m.token, m.standard, m.from_address, m.to_address,
           m.token_id, m.amount,
           x.hash, x.timestamp, x.nonce, x.gas_limit, x.gas_used, x.cumulative_gas_used,
           coalesce(x.effective_gas_price, x.gas_price, x.max_fee_per_gas) AS gas_price,
           b.hash AS block_hash, n.name, n.symbol, n.decimals,
           row_number() OVER (ORDER BY m.block_number, m.log_index, m.batch_index)
               * CASE WHEN $4::boolean THEN -1 ELSE 1 END AS place
    FROM keys AS m
    JOIN chain.transactions AS x ON x.block_number = m.block_number AND x.transaction_index = m.transaction_index
    JOIN chain.blocks AS b ON b.number = m.block_number
    LEFT JOIN chain.token_metadata AS n ON n.token = m.token
    WHERE x.block_number BETWEEN $2::bigint AND $3::bigint AND b.number BETWEEN $2::bigint AND $3::bigint
)
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       d.first_block AS complete_from, d.derived_to AS complete_to,
       (SELECT count(*) FROM rows) >= $5::bigint AS full,
       (
           SELECT coalesce(json_agg(jsonb_build_object(
               'blockNumber', r.block_number::text,
               'timeStamp', extract(epoch FROM r.timestamp)::bigint::text,
               'hash', '0x' || encode(r.hash, 'hex'),
               'nonce', r.nonce::text,
               'blockHash', '0x' || encode(r.block_hash, 'hex'),
               'from', '0x' || encode(r.from_address, 'hex'),
               'contractAddress', '0x' || encode(r.token, 'hex'),
               'to', '0x' || encode(r.to_address, 'hex'),
               'value', r.amount::text,
               'tokenID', r.token_id::text,
               'tokenValue', r.amount::text,
               'tokenName', coalesce(r.name, ''),
               'tokenSymbol', coalesce(r.symbol, ''),
               'tokenDecimal', coalesce(r.decimals::text, '0'),
               'transactionIndex', r.transaction_index::text,
               'logIndex', r.log_index::text,
               'gas', r.gas_limit::text,
               'gasPrice', r.gas_price::text,
               'gasUsed', r.gas_used::text,
               'cumulativeGasUsed', r.cumulative_gas_used::text,
               'input', 'deprecated',
               'confirmations', (t.head_number - r.block_number + 1)::text
           ) - $9::text[] ORDER BY r.place), '[]')
           FROM rows AS r
       )::text AS data
FROM chain.tip AS t
LEFT JOIN chain.derivations AS d ON d.derivation = 'token_transfers';
