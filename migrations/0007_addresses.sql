SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = '10min';
-- Functions below name derived tables as the session that calls them finds them, which is not this one.
SET LOCAL check_function_bodies = off;
-- Who took part where, what is known of each address, and the network's figures per hour and day.

CREATE TABLE chain.address_transactions (
    address bytea NOT NULL,
    block_number bigint NOT NULL,
    transaction_index integer NOT NULL,
    -- Sum of 1 sender, 2 recipient, 4 creator of a contract, 8 the contract that was created.
    roles smallint NOT NULL CHECK (roles BETWEEN 1 AND 15),
    PRIMARY KEY (address, block_number, transaction_index)
);

CREATE TABLE chain.addresses (
    address bytea PRIMARY KEY,
    transaction_count bigint NOT NULL,
    sent_count bigint NOT NULL,
    received_count bigint NOT NULL,
    created_count bigint NOT NULL,
    token_transfer_count bigint NOT NULL,
    log_count bigint NOT NULL,
    -- The block that made the row; last_block is null where the address has only emitted logs.
    first_block bigint NOT NULL,
    last_block bigint,
    -- The next one after the last transaction it sent.
    nonce numeric(20, 0),
    -- The first block in which it behaved as a contract: was created, or emitted a log.
    contract_block bigint,
    creator bytea,
    creation_block bigint,
    creation_transaction_index integer
);

CREATE TABLE chain.network_hourly (
    bucket timestamptz PRIMARY KEY,
    first_block bigint NOT NULL,
    last_block bigint NOT NULL,
    blocks bigint NOT NULL,
    transactions bigint NOT NULL,
    failed_transactions bigint NOT NULL,
    gas_used numeric NOT NULL,
    gas_limit numeric NOT NULL,
    fees numeric NOT NULL,
    contracts_created bigint NOT NULL,
    token_transfers bigint NOT NULL,
    active_addresses bigint NOT NULL,
    new_addresses bigint NOT NULL,
    -- Times between a block and its parent; those of the first derived block and of block 1 are not known.
    intervals bigint NOT NULL,
    interval_s_sum numeric NOT NULL,
    interval_s_max numeric,
    mean_block_time_s numeric GENERATED ALWAYS AS (interval_s_sum / nullif(intervals, 0)) STORED
);

CREATE TABLE chain.network_daily (LIKE chain.network_hourly INCLUDING ALL);

COMMENT ON TABLE chain.address_transactions IS 'Who took part in which transaction, one row for each address';
COMMENT ON TABLE chain.addresses IS 'What the derived blocks say of each address';
COMMENT ON TABLE chain.network_hourly IS 'The network per hour of block time (UTC), for the derived blocks';
COMMENT ON TABLE chain.network_daily IS 'The network per day of block time (UTC), for the derived blocks';

-- The parties of a transaction: one row for each address, with the sum of its roles.
CREATE FUNCTION chain.transaction_parties(first bigint, last bigint)
RETURNS TABLE (
    address bytea, roles smallint, block_number bigint, transaction_index integer, block_time timestamptz,
    sender bytea, sender_nonce numeric
)
LANGUAGE sql STABLE
AS $$
    -- Three scans: a third cheaper than one with a row for each party beside it.
    SELECT t.from_address,
           (1 + CASE WHEN t.to_address = t.from_address THEN 2 ELSE 0 END
              + CASE WHEN t.contract_address IS NOT NULL AND t.status IS DISTINCT FROM 0 THEN 4 ELSE 0 END)::smallint,
           t.block_number, t.transaction_index, t.timestamp, t.from_address, t.nonce
    FROM chain.transactions AS t
    WHERE t.block_number BETWEEN first AND last
    UNION ALL
    SELECT t.to_address, 2::smallint, t.block_number, t.transaction_index, t.timestamp, t.from_address, t.nonce
    FROM chain.transactions AS t
    WHERE t.block_number BETWEEN first AND last AND t.to_address <> t.from_address
    UNION ALL
    -- A creation that failed has an address too (eth_getTransactionReceipt of Besu), but nothing is there.
    SELECT t.contract_address, 8::smallint, t.block_number, t.transaction_index, t.timestamp, t.from_address,
           t.nonce
    FROM chain.transactions AS t
    WHERE t.block_number BETWEEN first AND last AND t.contract_address IS NOT NULL AND t.status IS DISTINCT FROM 0
$$;

COMMENT ON FUNCTION chain.transaction_parties(bigint, bigint) IS
    'Who took part in the transactions of a range of blocks';

CREATE FUNCTION chain.transfer_parties(first bigint, last bigint)
RETURNS TABLE (
    address bytea, roles smallint, block_number bigint, log_index integer, batch_index integer, token bytea
)
LANGUAGE sql STABLE
AS $$
    SELECT t.from_address, CASE WHEN t.from_address = t.to_address THEN 3 ELSE 1 END::smallint, t.block_number,
           t.log_index, t.batch_index, t.token
    FROM token_transfers AS t
    WHERE t.block_number BETWEEN first AND last
      AND t.from_address <> '\x0000000000000000000000000000000000000000'::bytea
    UNION ALL
    SELECT t.to_address, 2::smallint, t.block_number, t.log_index, t.batch_index, t.token
    FROM token_transfers AS t
    WHERE t.block_number BETWEEN first AND last AND t.from_address <> t.to_address
      AND t.to_address <> '\x0000000000000000000000000000000000000000'::bytea
$$;

COMMENT ON FUNCTION chain.transfer_parties(bigint, bigint) IS
    'Who took part in the token transfers of a range of blocks; the zero address is nobody';

-- What each address did in a range of blocks, by hour of block time. Emitting logs is no activity.
CREATE FUNCTION chain.activity(first bigint, last bigint)
RETURNS TABLE (
    address bytea, hour timestamptz, transaction_count integer, sent_count integer, received_count integer,
    created_count integer, token_transfer_count integer, log_count integer, first_block bigint, last_block bigint,
    nonce numeric, contract_block bigint, creator bytea, creation_block bigint, creation_transaction_index integer
)
LANGUAGE sql STABLE
AS $$
    -- Integers: their sums are bigint, those of bigint are numeric and slow.
    SELECT part.address, h.hour, count(part.roles)::integer, (count(*) FILTER (WHERE part.roles & 1 = 1))::integer,
           (count(*) FILTER (WHERE part.roles & 2 = 2))::integer,
           (count(*) FILTER (WHERE part.roles & 4 = 4))::integer, count(part.transfer)::integer,
           coalesce(sum(part.logs), 0)::integer, min(part.block_number),
           max(part.block_number) FILTER (WHERE part.logs IS NULL), max(part.nonce),
           min(part.block_number) FILTER (WHERE part.roles = 8 OR part.logs IS NOT NULL),
           -- One transaction creates an address: of one value this finds it. PostgreSQL 17 has no max(bytea).
           (array_agg(part.sender) FILTER (WHERE part.roles = 8))[1],
           max(part.block_number) FILTER (WHERE part.roles = 8),
           max(part.transaction_index) FILTER (WHERE part.roles = 8)
    FROM (
        SELECT p.address, p.block_number, p.roles, CASE WHEN p.roles & 1 = 1 THEN p.sender_nonce + 1 END AS nonce,
               p.sender, p.transaction_index, NULL::integer AS transfer, NULL::integer AS logs
        FROM chain.transaction_parties(first, last) AS p
        UNION ALL
        SELECT p.address, p.block_number, NULL, NULL, NULL, NULL, p.log_index, NULL
        FROM chain.transfer_parties(first, last) AS p
        UNION ALL
        SELECT l.address, l.block_number, NULL, NULL, NULL, NULL, NULL, count(*)::integer
        FROM chain.logs AS l
        WHERE l.block_number BETWEEN first AND last
        GROUP BY l.address, l.block_number
    ) AS part
    JOIN (
        SELECT b.number, date_trunc('hour', b.timestamp, 'UTC') AS hour
        FROM chain.blocks AS b
        WHERE b.number BETWEEN first AND last
        OFFSET 0
    ) AS h ON h.number = part.block_number
    GROUP BY part.address, h.hour
$$;

COMMENT ON FUNCTION chain.activity(bigint, bigint) IS
    'What each address did in a range of blocks, by hour; last_block is null where it only emitted logs';

-- What a range of blocks adds to the hours and days it lies in, but for addresses.
CREATE FUNCTION chain.network_deltas(first bigint, last bigint)
RETURNS TABLE (
    unit text, bucket timestamptz, first_block bigint, last_block bigint, blocks bigint, transactions bigint,
    failed_transactions bigint, gas_used numeric, gas_limit numeric, fees numeric, contracts_created bigint,
    token_transfers bigint, intervals bigint, interval_s_sum numeric, interval_s_max numeric
)
LANGUAGE sql STABLE
AS $$
    WITH paid AS (
        SELECT x.block_number, count(*) FILTER (WHERE x.status = 0) AS failed,
               sum(x.gas_used * coalesce(x.effective_gas_price, x.gas_price, 0)) AS fees,
               count(*) FILTER (WHERE x.contract_address IS NOT NULL AND x.status IS DISTINCT FROM 0) AS created
        FROM chain.transactions AS x
        WHERE x.block_number BETWEEN first AND last
        GROUP BY x.block_number
    ),
    moved AS (
        SELECT x.block_number, count(*) AS transfers
        FROM token_transfers AS x
        WHERE x.block_number BETWEEN first AND last
        GROUP BY x.block_number
    ),
    block_times AS (
        SELECT b.number, b.timestamp, b.transaction_count, b.gas_used, b.gas_limit,
               CASE WHEN b.number > 1 AND b.number > d.first_block THEN
                   extract(epoch FROM b.timestamp - lag(b.timestamp) OVER (ORDER BY b.number))
               END AS interval_s
        FROM chain.blocks AS b
        CROSS JOIN (SELECT w.first_block FROM derivations AS w WHERE w.derivation = 'addresses') AS d
        WHERE b.number BETWEEN first - 1 AND last
    )
    SELECT u.unit, date_trunc(u.unit, b.timestamp, 'UTC'), min(b.number), max(b.number), count(*),
           sum(b.transaction_count)::bigint, coalesce(sum(p.failed), 0)::bigint, sum(b.gas_used), sum(b.gas_limit),
           coalesce(sum(p.fees), 0), coalesce(sum(p.created), 0)::bigint, coalesce(sum(m.transfers), 0)::bigint,
           count(b.interval_s), coalesce(sum(b.interval_s), 0), max(b.interval_s)
    FROM block_times AS b
    LEFT JOIN paid AS p ON p.block_number = b.number
    LEFT JOIN moved AS m ON m.block_number = b.number
    CROSS JOIN (VALUES ('hour'), ('day')) AS u (unit)
    WHERE b.number >= first
    GROUP BY 1, 2
$$;

COMMENT ON FUNCTION chain.network_deltas(bigint, bigint) IS
    'What a range of blocks adds to the hours and days it lies in, but for addresses';

CREATE VIEW chain_text.address_transactions AS
SELECT '0x' || encode(address, 'hex') AS address, block_number, transaction_index, roles
FROM chain.address_transactions;

CREATE VIEW chain_text.addresses AS
SELECT
    '0x' || encode(address, 'hex') AS address,
    transaction_count,
    sent_count,
    received_count,
    created_count,
    token_transfer_count,
    log_count,
    first_block,
    last_block,
    nonce,
    contract_block,
    '0x' || encode(creator, 'hex') AS creator,
    creation_block,
    creation_transaction_index
FROM chain.addresses;

CREATE VIEW chain_text.network_hourly AS SELECT * FROM chain.network_hourly;
CREATE VIEW chain_text.network_daily AS SELECT * FROM chain.network_daily;
