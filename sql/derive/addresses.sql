-- name: apply_addresses :exec
-- Add what the blocks say of each address, and of the network in the hours and days they lie in.
-- $1 first block, $2 last block
WITH hourly AS MATERIALIZED (
    SELECT * FROM chain.activity($1::bigint, $2::bigint)
),
deltas AS MATERIALIZED (
    SELECT address, sum(transaction_count) AS transaction_count, sum(sent_count) AS sent_count,
           sum(received_count) AS received_count, sum(created_count) AS created_count,
           sum(token_transfer_count) AS token_transfer_count, sum(log_count) AS log_count,
           min(first_block) AS first_block, max(last_block) AS last_block, max(nonce) AS nonce,
           min(contract_block) AS contract_block,
           (array_agg(creator) FILTER (WHERE creator IS NOT NULL))[1] AS creator,
           max(creation_block) AS creation_block, max(creation_transaction_index) AS creation_transaction_index,
           min(hour) FILTER (WHERE last_block IS NOT NULL) AS first_hour
    FROM hourly
    GROUP BY address
),
-- Where each was seen last before the range; the table itself still shows that.
before AS MATERIALIZED (
    SELECT d.address, d.first_hour, a.last_block
    FROM deltas AS d
    LEFT JOIN addresses AS a ON a.address = d.address
    WHERE d.last_block IS NOT NULL
),
-- The hour and the day that the range goes on with, and their first blocks.
begun AS (
    SELECT 'hour' AS unit, bucket, first_block FROM network_hourly
    WHERE bucket = (SELECT date_trunc('hour', timestamp, 'UTC') FROM chain.blocks WHERE number = $1::bigint)
      AND first_block < $1::bigint
    UNION ALL
    SELECT 'day', bucket, first_block FROM network_daily
    WHERE bucket = (SELECT date_trunc('day', timestamp, 'UTC') FROM chain.blocks WHERE number = $1::bigint)
      AND first_block < $1::bigint
),
-- Active once in each hour and day, whether before the range or in it.
active AS (
    SELECT a.unit, a.bucket,
           count(*) FILTER (WHERE b.last_block IS NULL OR g.first_block IS NULL OR b.last_block < g.first_block)
               AS active_addresses,
           count(*) FILTER (WHERE b.last_block IS NULL AND a.bucket = date_trunc(a.unit, b.first_hour, 'UTC'))
               AS new_addresses
    FROM (
        SELECT DISTINCT u.unit, date_trunc(u.unit, h.hour, 'UTC') AS bucket, h.address
        FROM hourly AS h
        CROSS JOIN (VALUES ('hour'), ('day')) AS u (unit)
        WHERE h.last_block IS NOT NULL
    ) AS a
    JOIN before AS b ON b.address = a.address
    LEFT JOIN begun AS g ON g.unit = a.unit AND g.bucket = a.bucket
    GROUP BY a.unit, a.bucket
),
network AS MATERIALIZED (
    SELECT n.*, coalesce(a.active_addresses, 0) AS active_addresses, coalesce(a.new_addresses, 0) AS new_addresses
    FROM chain.network_deltas($1::bigint, $2::bigint) AS n
    LEFT JOIN active AS a ON a.unit = n.unit AND a.bucket = n.bucket
),
added AS (
    INSERT INTO addresses AS a (
        address, transaction_count, sent_count, received_count, created_count, token_transfer_count,
        log_count, first_block, last_block, nonce, contract_block, creator, creation_block,
        creation_transaction_index
    )
    SELECT
        address, transaction_count, sent_count, received_count, created_count, token_transfer_count,
        log_count, first_block, last_block, nonce, contract_block, creator, creation_block,
        creation_transaction_index
    FROM deltas
    ORDER BY address
    ON CONFLICT (address) DO UPDATE SET
        transaction_count = a.transaction_count + excluded.transaction_count,
        sent_count = a.sent_count + excluded.sent_count,
        received_count = a.received_count + excluded.received_count,
        created_count = a.created_count + excluded.created_count,
        token_transfer_count = a.token_transfer_count + excluded.token_transfer_count,
        log_count = a.log_count + excluded.log_count,
        last_block = coalesce(excluded.last_block, a.last_block),
        nonce = coalesce(excluded.nonce, a.nonce),
        contract_block = coalesce(a.contract_block, excluded.contract_block),
        creator = coalesce(a.creator, excluded.creator),
        creation_block = coalesce(a.creation_block, excluded.creation_block),
        creation_transaction_index = coalesce(a.creation_transaction_index, excluded.creation_transaction_index)
),
hours AS (
    INSERT INTO network_hourly AS n (
        bucket, first_block, last_block, blocks, transactions, failed_transactions, gas_used, gas_limit,
        fees, contracts_created, token_transfers, intervals, interval_s_sum, active_addresses,
        new_addresses, interval_s_max
    )
    SELECT
        bucket, first_block, last_block, blocks, transactions, failed_transactions, gas_used, gas_limit,
        fees, contracts_created, token_transfers, intervals, interval_s_sum, active_addresses,
        new_addresses, interval_s_max
    FROM network
    WHERE unit = 'hour'
    ON CONFLICT (bucket) DO UPDATE SET
        last_block = excluded.last_block,
        blocks = n.blocks + excluded.blocks,
        transactions = n.transactions + excluded.transactions,
        failed_transactions = n.failed_transactions + excluded.failed_transactions,
        gas_used = n.gas_used + excluded.gas_used,
        gas_limit = n.gas_limit + excluded.gas_limit,
        fees = n.fees + excluded.fees,
        contracts_created = n.contracts_created + excluded.contracts_created,
        token_transfers = n.token_transfers + excluded.token_transfers,
        intervals = n.intervals + excluded.intervals,
        interval_s_sum = n.interval_s_sum + excluded.interval_s_sum,
        active_addresses = n.active_addresses + excluded.active_addresses,
        new_addresses = n.new_addresses + excluded.new_addresses,
        interval_s_max = greatest(n.interval_s_max, excluded.interval_s_max)
)
INSERT INTO network_daily AS n (
    bucket, first_block, last_block, blocks, transactions, failed_transactions, gas_used, gas_limit, fees,
    contracts_created, token_transfers, intervals, interval_s_sum, active_addresses, new_addresses,
    interval_s_max
)
SELECT
    bucket, first_block, last_block, blocks, transactions, failed_transactions, gas_used, gas_limit, fees,
    contracts_created, token_transfers, intervals, interval_s_sum, active_addresses, new_addresses,
    interval_s_max
FROM network
WHERE unit = 'day'
ON CONFLICT (bucket) DO UPDATE SET
    last_block = excluded.last_block,
    blocks = n.blocks + excluded.blocks,
    transactions = n.transactions + excluded.transactions,
    failed_transactions = n.failed_transactions + excluded.failed_transactions,
    gas_used = n.gas_used + excluded.gas_used,
    gas_limit = n.gas_limit + excluded.gas_limit,
    fees = n.fees + excluded.fees,
    contracts_created = n.contracts_created + excluded.contracts_created,
    token_transfers = n.token_transfers + excluded.token_transfers,
    intervals = n.intervals + excluded.intervals,
    interval_s_sum = n.interval_s_sum + excluded.interval_s_sum,
    active_addresses = n.active_addresses + excluded.active_addresses,
    new_addresses = n.new_addresses + excluded.new_addresses,
    interval_s_max = greatest(n.interval_s_max, excluded.interval_s_max);

-- name: revert_addresses :exec
-- Take that back; what came last before the range, and the worst gap of an hour or a day that stays, is looked up.
-- $1 first block, $2 last block
WITH hourly AS MATERIALIZED (
    SELECT * FROM chain.activity($1::bigint, $2::bigint)
),
deltas AS MATERIALIZED (
    SELECT address, sum(transaction_count) AS transaction_count, sum(sent_count) AS sent_count,
           sum(received_count) AS received_count, sum(created_count) AS created_count,
           sum(token_transfer_count) AS token_transfer_count, sum(log_count) AS log_count,
           min(first_block) AS first_block, max(last_block) AS last_block, max(nonce) AS nonce,
           min(contract_block) AS contract_block,
           (array_agg(creator) FILTER (WHERE creator IS NOT NULL))[1] AS creator,
           max(creation_block) AS creation_block, max(creation_transaction_index) AS creation_transaction_index,
           min(hour) FILTER (WHERE last_block IS NOT NULL) AS first_hour
    FROM hourly
    GROUP BY address
),
before AS MATERIALIZED (
    SELECT d.*, a.first_block < $1::bigint AS stays,
           -- Looked up only where the counts say that there was something before.
           CASE WHEN d.last_block IS NULL THEN a.last_block ELSE greatest(
               CASE WHEN a.transaction_count > d.transaction_count THEN (
                   SELECT x.block_number FROM address_transactions AS x
                   WHERE x.address = d.address AND x.block_number < $1::bigint
                   ORDER BY x.block_number DESC LIMIT 1) END,
               CASE WHEN a.token_transfer_count > d.token_transfer_count THEN (
                   SELECT x.block_number FROM address_token_transfers AS x
                   WHERE x.address = d.address AND x.block_number < $1::bigint
                   ORDER BY x.block_number DESC LIMIT 1) END
           ) END AS seen_before
    FROM deltas AS d
    JOIN addresses AS a ON a.address = d.address
),
removed AS (
    DELETE FROM addresses AS a USING before AS b WHERE a.address = b.address AND NOT b.stays
),
taken AS (
    UPDATE addresses AS a SET
        transaction_count = a.transaction_count - b.transaction_count,
        sent_count = a.sent_count - b.sent_count,
        received_count = a.received_count - b.received_count,
        created_count = a.created_count - b.created_count,
        token_transfer_count = a.token_transfer_count - b.token_transfer_count,
        log_count = a.log_count - b.log_count,
        last_block = b.seen_before,
        nonce = CASE WHEN b.sent_count = 0 THEN a.nonce WHEN a.sent_count > b.sent_count THEN (
            SELECT t.nonce + 1
            FROM (
                SELECT x.block_number, x.transaction_index
                FROM address_transactions AS x
                WHERE x.address = b.address AND x.block_number < $1::bigint AND x.roles IN (1, 3, 5, 7)
                ORDER BY x.block_number DESC, x.transaction_index DESC
                LIMIT 1
            ) AS sent
            JOIN chain.transactions AS t
                ON t.block_number = sent.block_number AND t.transaction_index = sent.transaction_index
        ) END,
        contract_block = CASE WHEN a.contract_block < $1::bigint THEN a.contract_block END,
        creator = CASE WHEN a.creation_block < $1::bigint THEN a.creator END,
        creation_block = CASE WHEN a.creation_block < $1::bigint THEN a.creation_block END,
        creation_transaction_index =
            CASE WHEN a.creation_block < $1::bigint THEN a.creation_transaction_index END
    FROM before AS b
    WHERE a.address = b.address AND b.stays
),
-- The hour and the day that the range goes on with, and their first blocks.
begun AS (
    SELECT 'hour' AS unit, bucket, first_block FROM network_hourly
    WHERE bucket = (SELECT date_trunc('hour', timestamp, 'UTC') FROM chain.blocks WHERE number = $1::bigint)
      AND first_block < $1::bigint
    UNION ALL
    SELECT 'day', bucket, first_block FROM network_daily
    WHERE bucket = (SELECT date_trunc('day', timestamp, 'UTC') FROM chain.blocks WHERE number = $1::bigint)
      AND first_block < $1::bigint
),
-- Active once in each hour and day, whether before the range or in it.
active AS (
    SELECT a.unit, a.bucket,
           count(*) FILTER (WHERE b.seen_before IS NULL OR g.first_block IS NULL OR b.seen_before < g.first_block)
               AS active_addresses,
           count(*) FILTER (WHERE b.seen_before IS NULL AND a.bucket = date_trunc(a.unit, b.first_hour, 'UTC'))
               AS new_addresses
    FROM (
        SELECT DISTINCT u.unit, date_trunc(u.unit, h.hour, 'UTC') AS bucket, h.address
        FROM hourly AS h
        CROSS JOIN (VALUES ('hour'), ('day')) AS u (unit)
        WHERE h.last_block IS NOT NULL
    ) AS a
    JOIN before AS b ON b.address = a.address
    LEFT JOIN begun AS g ON g.unit = a.unit AND g.bucket = a.bucket
    GROUP BY a.unit, a.bucket
),
network AS MATERIALIZED (
    SELECT n.*, coalesce(a.active_addresses, 0) AS active_addresses, coalesce(a.new_addresses, 0) AS new_addresses
    FROM chain.network_deltas($1::bigint, $2::bigint) AS n
    LEFT JOIN active AS a ON a.unit = n.unit AND a.bucket = n.bucket
),
hours AS (
    UPDATE network_hourly AS n SET
        last_block = $1::bigint - 1,
        blocks = n.blocks - d.blocks,
        transactions = n.transactions - d.transactions,
        failed_transactions = n.failed_transactions - d.failed_transactions,
        gas_used = n.gas_used - d.gas_used,
        gas_limit = n.gas_limit - d.gas_limit,
        fees = n.fees - d.fees,
        contracts_created = n.contracts_created - d.contracts_created,
        token_transfers = n.token_transfers - d.token_transfers,
        intervals = n.intervals - d.intervals,
        interval_s_sum = n.interval_s_sum - d.interval_s_sum,
        active_addresses = n.active_addresses - d.active_addresses,
        new_addresses = n.new_addresses - d.new_addresses,
        interval_s_max = (
            SELECT max(i.interval_s)
            FROM (
                SELECT b.number,
                       extract(epoch FROM b.timestamp - lag(b.timestamp) OVER (ORDER BY b.number)) AS interval_s
                FROM chain.blocks AS b
                WHERE b.number BETWEEN n.first_block - 1 AND $1::bigint - 1
            ) AS i
            WHERE i.number >= n.first_block AND i.number > 1
              AND i.number > (SELECT w.first_block FROM derivations AS w WHERE w.derivation = 'addresses')
        )
    FROM network AS d
    WHERE d.unit = 'hour' AND n.bucket = d.bucket AND n.first_block < $1::bigint
)
UPDATE network_daily AS n SET
    last_block = $1::bigint - 1,
    blocks = n.blocks - d.blocks,
    transactions = n.transactions - d.transactions,
    failed_transactions = n.failed_transactions - d.failed_transactions,
    gas_used = n.gas_used - d.gas_used,
    gas_limit = n.gas_limit - d.gas_limit,
    fees = n.fees - d.fees,
    contracts_created = n.contracts_created - d.contracts_created,
    token_transfers = n.token_transfers - d.token_transfers,
    intervals = n.intervals - d.intervals,
    interval_s_sum = n.interval_s_sum - d.interval_s_sum,
    active_addresses = n.active_addresses - d.active_addresses,
    new_addresses = n.new_addresses - d.new_addresses,
    interval_s_max = (
        SELECT max(i.interval_s)
        FROM (
            SELECT b.number,
                   extract(epoch FROM b.timestamp - lag(b.timestamp) OVER (ORDER BY b.number)) AS interval_s
            FROM chain.blocks AS b
            WHERE b.number BETWEEN n.first_block - 1 AND $1::bigint - 1
        ) AS i
        WHERE i.number >= n.first_block AND i.number > 1
          AND i.number > (SELECT w.first_block FROM derivations AS w WHERE w.derivation = 'addresses')
    )
FROM network AS d
WHERE d.unit = 'day' AND n.bucket = d.bucket AND n.first_block < $1::bigint;

-- name: delete_network_hours :exec
-- Forget the hours that began with these blocks.
-- $1 first block, $2 last block
DELETE FROM network_hourly WHERE first_block BETWEEN $1::bigint AND $2::bigint;

-- name: delete_network_days :exec
-- Forget the days that began with these blocks.
-- $1 first block, $2 last block
DELETE FROM network_daily WHERE first_block BETWEEN $1::bigint AND $2::bigint;
