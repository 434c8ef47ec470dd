SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = '10min';
-- Pend's pools, and who called which contract: views over what is decoded, for the explorer and the write side.
-- The built-in ABI pend_pool reads the pools; a registered one may too, if it names the arguments alike.

-- Null where the argument is not there, or is none: what decoding writes must never fail on an index.
CREATE FUNCTION chain.address_argument(arguments jsonb, argument text) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN arguments ->> argument ~ '^0x[0-9a-f]{40}$'
        THEN decode(substr(arguments ->> argument, 3), 'hex') END
$$;

CREATE FUNCTION chain.number_argument(arguments jsonb, argument text) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN arguments ->> argument ~ '^-?[0-9]{1,78}$' THEN (arguments ->> argument)::numeric END
$$;

COMMENT ON FUNCTION chain.address_argument(jsonb, text) IS 'An argument of a decoded event that is an address';
COMMENT ON FUNCTION chain.number_argument(jsonb, text) IS 'An argument of a decoded event that is a number';

-- Whoever reads a view calls its functions with privileges of his own.
GRANT EXECUTE ON FUNCTION chain.address_argument(jsonb, text), chain.number_argument(jsonb, text)
    TO pend_writer, pend_explorer;

CREATE INDEX decoded_events_pool_wallet ON chain.decoded_events (
    chain.address_argument(arguments, 'investor'), block_number
) WHERE signature IN ('Invested(address,uint256)', 'Withdrawn(address,uint256)');

CREATE VIEW chain.pool_flows AS
SELECT
    e.address AS pool,
    chain.address_argument(e.arguments, 'investor') AS wallet,
    CASE e.signature WHEN 'Invested(address,uint256)' THEN 'investment' ELSE 'withdrawal' END AS kind,
    chain.number_argument(e.arguments, 'amount') AS amount,
    e.block_number,
    e.transaction_index,
    e.log_index,
    b.timestamp
FROM chain.decoded_events AS e
CROSS JOIN LATERAL (SELECT f.timestamp FROM chain.blocks AS f WHERE f.number = e.block_number LIMIT 1) AS b
WHERE e.signature IN ('Invested(address,uint256)', 'Withdrawn(address,uint256)')
  AND chain.address_argument(e.arguments, 'investor') IS NOT NULL
  AND chain.number_argument(e.arguments, 'amount') IS NOT NULL;

-- Other contracts emit a Withdrawn of the same layout (payment splitters do): a pool has been invested in.
CREATE VIEW chain.pool_positions AS
SELECT
    pool,
    wallet,
    coalesce(sum(amount) FILTER (WHERE kind = 'investment'), 0) AS invested,
    coalesce(sum(amount) FILTER (WHERE kind = 'withdrawal'), 0) AS withdrawn,
    sum(CASE kind WHEN 'investment' THEN amount ELSE -amount END) AS balance,
    count(*) FILTER (WHERE kind = 'investment') AS investment_count,
    count(*) FILTER (WHERE kind = 'withdrawal') AS withdrawal_count,
    min(block_number) AS first_block,
    max(block_number) AS last_block
FROM (
    SELECT
        e.address AS pool,
        chain.address_argument(e.arguments, 'investor') AS wallet,
        CASE e.signature WHEN 'Invested(address,uint256)' THEN 'investment' ELSE 'withdrawal' END AS kind,
        chain.number_argument(e.arguments, 'amount') AS amount,
        e.block_number
    FROM chain.decoded_events AS e
    WHERE e.signature IN ('Invested(address,uint256)', 'Withdrawn(address,uint256)')
      AND chain.address_argument(e.arguments, 'investor') IS NOT NULL
      AND chain.number_argument(e.arguments, 'amount') IS NOT NULL
) AS flow
GROUP BY pool, wallet
HAVING count(*) FILTER (WHERE kind = 'investment') > 0;

CREATE VIEW chain.pools AS
SELECT
    pool,
    sum(invested) AS invested,
    sum(withdrawn) AS withdrawn,
    sum(balance) AS balance,
    count(*) AS wallet_count,
    count(*) FILTER (WHERE balance > 0) AS investor_count,
    sum(investment_count)::bigint AS investment_count,
    sum(withdrawal_count)::bigint AS withdrawal_count,
    min(first_block) AS first_block,
    max(last_block) AS last_block
FROM chain.pool_positions
GROUP BY pool;

CREATE VIEW chain.contract_interactions AS
SELECT
    a.address AS contract,
    t.from_address AS wallet,
    a.block_number,
    a.transaction_index,
    t.timestamp,
    CASE WHEN octet_length(t.input) >= 4 THEN substring(t.input FROM 1 FOR 4) END AS selector,
    c.name AS method,
    c.signature,
    CASE t.status WHEN 1 THEN 'succeeded' WHEN 0 THEN 'failed' ELSE 'unknown' END AS outcome,
    coalesce(c.error_reason, c.error_name) AS error,
    t.gas_used
FROM chain.address_transactions AS a
CROSS JOIN LATERAL (
    SELECT f.from_address, f.timestamp, f.input, f.status, f.gas_used
    FROM chain.transactions AS f
    WHERE f.block_number = a.block_number AND f.transaction_index = a.transaction_index
    LIMIT 1
) AS t
LEFT JOIN LATERAL (
    SELECT d.name, d.signature, d.error_reason, d.error_name
    FROM chain.decoded_calls AS d
    WHERE d.block_number = a.block_number AND d.transaction_index = a.transaction_index
    LIMIT 1
) AS c ON true
WHERE a.roles & 2 = 2
  AND (
      octet_length(t.input) >= 4
      OR EXISTS (SELECT FROM chain.addresses AS k WHERE k.address = a.address AND k.contract_block IS NOT NULL)
  );

CREATE VIEW chain.contract_interaction_counts AS
SELECT
    contract,
    selector,
    method,
    wallet,
    outcome,
    count(*) AS interaction_count,
    sum(gas_used)::numeric AS gas_used,
    min(block_number) AS first_block,
    max(block_number) AS last_block
FROM chain.contract_interactions
GROUP BY contract, selector, method, wallet, outcome;

COMMENT ON VIEW chain.pool_flows IS 'Investments into and withdrawals from pools, one row for each event';
COMMENT ON VIEW chain.pool_positions IS 'What each wallet has put into a pool and taken out of it';
COMMENT ON VIEW chain.pools IS 'Totals of each pool';
COMMENT ON VIEW chain.contract_interactions IS
    'Calls to contracts by wallets: method, outcome, and the error where one is told';
COMMENT ON VIEW chain.contract_interaction_counts IS 'Calls by contract, method, wallet and outcome';

CREATE VIEW chain_text.pool_flows AS
SELECT
    '0x' || encode(pool, 'hex') AS pool,
    '0x' || encode(wallet, 'hex') AS wallet,
    kind,
    amount,
    block_number,
    transaction_index,
    log_index,
    timestamp
FROM chain.pool_flows;

CREATE VIEW chain_text.pool_positions AS
SELECT
    '0x' || encode(pool, 'hex') AS pool,
    '0x' || encode(wallet, 'hex') AS wallet,
    invested,
    withdrawn,
    balance,
    investment_count,
    withdrawal_count,
    first_block,
    last_block
FROM chain.pool_positions;

CREATE VIEW chain_text.pools AS
SELECT
    '0x' || encode(pool, 'hex') AS pool,
    invested,
    withdrawn,
    balance,
    wallet_count,
    investor_count,
    investment_count,
    withdrawal_count,
    first_block,
    last_block
FROM chain.pools;

CREATE VIEW chain_text.contract_interactions AS
SELECT
    '0x' || encode(contract, 'hex') AS contract,
    '0x' || encode(wallet, 'hex') AS wallet,
    block_number,
    transaction_index,
    timestamp,
    '0x' || encode(selector, 'hex') AS selector,
    method,
    signature,
    outcome,
    error,
    gas_used
FROM chain.contract_interactions;

CREATE VIEW chain_text.contract_interaction_counts AS
SELECT
    '0x' || encode(contract, 'hex') AS contract,
    '0x' || encode(selector, 'hex') AS selector,
    method,
    '0x' || encode(wallet, 'hex') AS wallet,
    outcome,
    interaction_count,
    gas_used,
    first_block,
    last_block
FROM chain.contract_interaction_counts;
