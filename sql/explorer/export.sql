-- name: select_export_bounds :one
-- Where an export is true: the head, the newest range of blocks without a gap, and what is derived of it.
-- $1 derivation or null
SELECT t.outbox_sequence AS sequence, t.head_number, t.head_hash, t.finalized_number,
       c.low, c.high, d.first_block AS complete_from, d.derived_to AS complete_to
FROM chain.tip AS t
LEFT JOIN LATERAL (
    SELECT lower(r.blocks) AS low, upper(r.blocks) - 1 AS high FROM chain.coverage AS r ORDER BY r.blocks DESC LIMIT 1
) AS c ON true
LEFT JOIN chain.derivations AS d ON d.derivation = $1::text;

-- name: count_exported_transactions :value
-- How many transactions an address took part in, or all there are, by the counters.
-- $1 address or null
SELECT CASE WHEN $1::bytea IS NULL THEN (SELECT sum(n.transactions) FROM chain.network_daily AS n)
            ELSE (SELECT a.transaction_count FROM chain.addresses AS a WHERE a.address = $1::bytea) END::bigint;

-- name: count_exported_token_transfers :value
-- How many token transfers an address or a token has, or all there are, by the counters; null for both together.
-- $1 address or null, $2 token or null
SELECT CASE WHEN $1::bytea IS NULL AND $2::bytea IS NULL THEN (SELECT sum(n.token_transfers) FROM chain.network_daily AS n)
            WHEN $2::bytea IS NULL THEN (SELECT a.token_transfer_count FROM chain.addresses AS a WHERE a.address = $1::bytea)
            WHEN $1::bytea IS NULL THEN (SELECT sum(k.transfer_count) FROM chain.tokens AS k WHERE k.token = $2::bytea)
       END::bigint;

-- name: export_transactions :many
-- Transactions of a range of blocks, oldest first.
-- $1 first block, $2 last block, $3 rows
SELECT x.block_number,
       to_char(x.timestamp, 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS timestamp,
       x.transaction_index,
       '0x' || encode(x.hash, 'hex') AS hash,
       '0x' || encode(x.from_address, 'hex') AS "from",
       '0x' || encode(x.to_address, 'hex') AS "to",
       '0x' || encode(x.contract_address, 'hex') AS contract_address,
       x.nonce::text AS nonce,
       x.value::text AS value,
       x.gas_limit,
       x.gas_used,
       coalesce(x.effective_gas_price, x.gas_price, x.max_fee_per_gas)::text AS gas_price,
       (x.gas_used * coalesce(x.effective_gas_price, x.gas_price, x.max_fee_per_gas))::text AS fee,
       x.type,
       x.status,
       CASE WHEN x.to_address IS NOT NULL AND octet_length(x.input) >= 4
           THEN '0x' || encode(substr(x.input, 1, 4), 'hex') END AS method_id,
       x.log_count
FROM chain.transactions AS x
WHERE x.block_number BETWEEN $1::bigint AND $2::bigint
ORDER BY x.block_number, x.transaction_index
LIMIT $3::bigint;

-- name: export_address_transactions :many
-- Transactions of a range of blocks in which an address took part, oldest first.
-- $1 first block, $2 last block, $3 rows, $4 address
SELECT x.block_number,
       to_char(x.timestamp, 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS timestamp,
       x.transaction_index,
       '0x' || encode(x.hash, 'hex') AS hash,
       '0x' || encode(x.from_address, 'hex') AS "from",
       '0x' || encode(x.to_address, 'hex') AS "to",
       '0x' || encode(x.contract_address, 'hex') AS contract_address,
       x.nonce::text AS nonce,
       x.value::text AS value,
       x.gas_limit,
       x.gas_used,
       coalesce(x.effective_gas_price, x.gas_price, x.max_fee_per_gas)::text AS gas_price,
       (x.gas_used * coalesce(x.effective_gas_price, x.gas_price, x.max_fee_per_gas))::text AS fee,
       x.type,
       x.status,
       CASE WHEN x.to_address IS NOT NULL AND octet_length(x.input) >= 4
           THEN '0x' || encode(substr(x.input, 1, 4), 'hex') END AS method_id,
       x.log_count
FROM chain.address_transactions AS a
JOIN chain.transactions AS x ON x.block_number = a.block_number AND x.transaction_index = a.transaction_index
WHERE a.address = $4::bytea AND a.block_number BETWEEN $1::bigint AND $2::bigint
  AND x.block_number BETWEEN $1::bigint AND $2::bigint
ORDER BY a.block_number, a.transaction_index
LIMIT $3::bigint;

-- name: export_token_transfers :many
-- Token transfers of a range of blocks, oldest first. Text that a spreadsheet would run as a formula is quoted where asked.
-- $1 first block, $2 last block, $3 rows, $4 whether formulas are quoted
SELECT m.block_number,
       to_char(x.timestamp, 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS timestamp,
       '0x' || encode(x.hash, 'hex') AS transaction_hash,
       m.transaction_index,
       m.log_index,
       m.batch_index,
       '0x' || encode(m.token, 'hex') AS token,
       m.standard,
       CASE WHEN $4::boolean THEN regexp_replace(n.name, '^([=+@\t\r\n-])', '''\1') ELSE n.name END AS token_name,
       CASE WHEN $4::boolean THEN regexp_replace(n.symbol, '^([=+@\t\r\n-])', '''\1') ELSE n.symbol END AS token_symbol,
       n.decimals AS token_decimals,
       '0x' || encode(m.operator, 'hex') AS operator,
       '0x' || encode(m.from_address, 'hex') AS "from",
       '0x' || encode(m.to_address, 'hex') AS "to",
       m.token_id::text AS token_id,
       m.amount::text AS amount
FROM chain.token_transfers AS m
JOIN chain.transactions AS x ON x.block_number = m.block_number AND x.transaction_index = m.transaction_index
LEFT JOIN chain.token_metadata AS n ON n.token = m.token
WHERE m.block_number BETWEEN $1::bigint AND $2::bigint AND x.block_number BETWEEN $1::bigint AND $2::bigint
ORDER BY m.block_number, m.log_index, m.batch_index
LIMIT $3::bigint;

-- name: export_address_token_transfers :many
-- Token transfers of a range of blocks that an address sent or received, of one token or of all, oldest first.
-- $1 first block, $2 last block, $3 rows, $4 whether formulas are quoted, $5 address, $6 token or null
SELECT m.block_number,
       to_char(x.timestamp, 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS timestamp,
       '0x' || encode(x.hash, 'hex') AS transaction_hash,
       m.transaction_index,
       m.log_index,
       m.batch_index,
       '0x' || encode(m.token, 'hex') AS token,
       m.standard,
       CASE WHEN $4::boolean THEN regexp_replace(n.name, '^([=+@\t\r\n-])', '''\1') ELSE n.name END AS token_name,
       CASE WHEN $4::boolean THEN regexp_replace(n.symbol, '^([=+@\t\r\n-])', '''\1') ELSE n.symbol END AS token_symbol,
       n.decimals AS token_decimals,
       '0x' || encode(m.operator, 'hex') AS operator,
       '0x' || encode(m.from_address, 'hex') AS "from",
       '0x' || encode(m.to_address, 'hex') AS "to",
       m.token_id::text AS token_id,
       m.amount::text AS amount
FROM chain.address_token_transfers AS a
JOIN chain.token_transfers AS m
    ON m.block_number = a.block_number AND m.log_index = a.log_index AND m.batch_index = a.batch_index
JOIN chain.transactions AS x ON x.block_number = m.block_number AND x.transaction_index = m.transaction_index
LEFT JOIN chain.token_metadata AS n ON n.token = m.token
WHERE a.address = $5::bytea AND a.block_number BETWEEN $1::bigint AND $2::bigint
  AND ($6::bytea IS NULL OR a.token = $6::bytea)
  AND m.block_number BETWEEN $1::bigint AND $2::bigint AND x.block_number BETWEEN $1::bigint AND $2::bigint
ORDER BY a.block_number, a.log_index, a.batch_index
LIMIT $3::bigint;

-- name: export_transfers_of_token :many
-- One token's transfers of a range of blocks, oldest first.
-- $1 first block, $2 last block, $3 rows, $4 whether formulas are quoted, $5 token
SELECT m.block_number,
       to_char(x.timestamp, 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS timestamp,
       '0x' || encode(x.hash, 'hex') AS transaction_hash,
       m.transaction_index,
       m.log_index,
       m.batch_index,
       '0x' || encode(m.token, 'hex') AS token,
       m.standard,
       CASE WHEN $4::boolean THEN regexp_replace(n.name, '^([=+@\t\r\n-])', '''\1') ELSE n.name END AS token_name,
       CASE WHEN $4::boolean THEN regexp_replace(n.symbol, '^([=+@\t\r\n-])', '''\1') ELSE n.symbol END AS token_symbol,
       n.decimals AS token_decimals,
       '0x' || encode(m.operator, 'hex') AS operator,
       '0x' || encode(m.from_address, 'hex') AS "from",
       '0x' || encode(m.to_address, 'hex') AS "to",
       m.token_id::text AS token_id,
       m.amount::text AS amount
FROM chain.logs AS l
JOIN chain.token_transfers AS m ON m.block_number = l.block_number AND m.log_index = l.log_index
JOIN chain.transactions AS x ON x.block_number = m.block_number AND x.transaction_index = m.transaction_index
LEFT JOIN chain.token_metadata AS n ON n.token = m.token
WHERE l.address = $5::bytea AND l.block_number BETWEEN $1::bigint AND $2::bigint
  AND m.block_number BETWEEN $1::bigint AND $2::bigint AND x.block_number BETWEEN $1::bigint AND $2::bigint
ORDER BY l.block_number, l.log_index, m.batch_index
LIMIT $3::bigint;

-- name: export_events :many
-- Decoded events of a range of blocks, of one contract or of all, oldest first.
-- $1 first block, $2 last block, $3 rows, $4 whether formulas are quoted, $5 contract or null
SELECT e.block_number,
       to_char(x.timestamp, 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS timestamp,
       '0x' || encode(x.hash, 'hex') AS transaction_hash,
       e.transaction_index,
       e.log_index,
       '0x' || encode(e.address, 'hex') AS contract,
       CASE WHEN $4::boolean THEN regexp_replace(e.abi, '^([=+@\t\r\n-])', '''\1') ELSE e.abi END AS abi,
       e.name AS event,
       e.signature,
       e.arguments,
       e.undecodable
FROM chain.decoded_events AS e
JOIN chain.transactions AS x ON x.block_number = e.block_number AND x.transaction_index = e.transaction_index
WHERE e.block_number BETWEEN $1::bigint AND $2::bigint AND x.block_number BETWEEN $1::bigint AND $2::bigint
  AND ($5::bytea IS NULL OR e.address = $5::bytea)
ORDER BY e.block_number, e.log_index
LIMIT $3::bigint;
