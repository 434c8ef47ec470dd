-- name: apply_token_balances :exec
-- Move what the transfers moved, and count holders and transfers of each token by what that changed.
-- $1 first block, $2 last block
WITH deltas AS MATERIALIZED (
    SELECT * FROM chain.token_deltas($1::bigint, $2::bigint)
),
changed AS (
    INSERT INTO token_balances AS b
        (token, standard, holder, token_id, balance, transfer_count, first_block)
    SELECT token, standard, holder, token_id, balance, transfer_count, first_block
    FROM deltas
    ORDER BY token, standard, holder, token_id
    ON CONFLICT (token, standard, holder, token_id) DO UPDATE SET
        balance = b.balance + excluded.balance,
        transfer_count = b.transfer_count + excluded.transfer_count
    RETURNING b.token, b.standard, b.holder, b.token_id, b.balance
),
holders AS MATERIALIZED (
    -- Before and after, side by side by grouping: of a join the planner would think too little.
    SELECT c.token, c.standard,
           sum(CASE WHEN c.balance > 0 THEN 1 ELSE 0 END - CASE WHEN c.balance > c.delta THEN 1 ELSE 0 END) AS holders
    FROM (
        SELECT token, standard, sum(balance) AS balance, sum(delta) AS delta
        FROM (
            SELECT token, standard, holder, balance, 0 AS delta FROM changed WHERE standard = 20
            UNION ALL
            SELECT token, standard, holder, 0, balance FROM deltas WHERE standard = 20
        ) AS side
        GROUP BY token, standard, holder
    ) AS c
    GROUP BY c.token, c.standard
    UNION ALL
    -- Of several ids: whoever holds one of them. The table itself still shows what was before.
    SELECT c.token, c.standard,
           sum(CASE WHEN c.holds OR EXISTS (
                   SELECT FROM token_balances AS b
                   WHERE b.token = c.token AND b.standard = c.standard AND b.holder = c.holder
                     AND b.balance > 0 AND b.token_id <> ALL (c.token_ids)
               ) THEN 1 ELSE 0 END
             - CASE WHEN EXISTS (
                   SELECT FROM token_balances AS b
                   WHERE b.token = c.token AND b.standard = c.standard AND b.holder = c.holder AND b.balance > 0
               ) THEN 1 ELSE 0 END)
    FROM (
        SELECT token, standard, holder, bool_or(balance > 0) AS holds, array_agg(token_id) AS token_ids
        FROM changed
        WHERE standard <> 20
        GROUP BY token, standard, holder
    ) AS c
    GROUP BY c.token, c.standard
),
moved AS MATERIALIZED (
    SELECT token, standard, count(*) AS transfers, min(block_number) AS first_block,
           coalesce(sum(amount) FILTER (
               WHERE from_address = '\x0000000000000000000000000000000000000000'::bytea), 0) AS minted,
           coalesce(sum(amount) FILTER (
               WHERE to_address = '\x0000000000000000000000000000000000000000'::bytea), 0) AS burned
    FROM token_transfers
    WHERE block_number BETWEEN $1::bigint AND $2::bigint
    GROUP BY token, standard
)
INSERT INTO tokens AS t (token, standard, transfer_count, holder_count, minted, burned, first_block)
SELECT m.token, m.standard, m.transfers, coalesce(h.holders, 0), m.minted, m.burned, m.first_block
FROM moved AS m
LEFT JOIN holders AS h ON h.token = m.token AND h.standard = m.standard
ORDER BY m.token, m.standard
ON CONFLICT (token, standard) DO UPDATE SET
    transfer_count = t.transfer_count + excluded.transfer_count,
    holder_count = t.holder_count + excluded.holder_count,
    minted = t.minted + excluded.minted,
    burned = t.burned + excluded.burned;

-- name: revert_token_balances :exec
-- Move back what the transfers moved; the same statement with every sign turned.
-- $1 first block, $2 last block
WITH deltas AS MATERIALIZED (
    SELECT * FROM chain.token_deltas($1::bigint, $2::bigint)
),
changed AS (
    UPDATE token_balances AS b
    SET balance = b.balance - d.balance, transfer_count = b.transfer_count - d.transfer_count
    FROM deltas AS d
    WHERE b.token = d.token AND b.standard = d.standard AND b.holder = d.holder AND b.token_id = d.token_id
      AND b.first_block < $1::bigint
    RETURNING b.token, b.standard, b.holder, b.token_id, b.balance
),
removed AS (
    -- Those that the blocks were the first to name held nothing before.
    DELETE FROM token_balances AS b
    USING deltas AS d
    WHERE b.token = d.token AND b.standard = d.standard AND b.holder = d.holder AND b.token_id = d.token_id
      AND b.first_block >= $1::bigint
    RETURNING b.token, b.standard, b.holder, b.token_id
),
before AS MATERIALIZED (
    SELECT token, standard, holder, token_id, balance FROM changed
    UNION ALL
    SELECT token, standard, holder, token_id, 0 FROM removed
),
holders AS MATERIALIZED (
    SELECT c.token, c.standard,
           sum(CASE WHEN c.balance > 0 THEN 1 ELSE 0 END - CASE WHEN c.balance > c.delta THEN 1 ELSE 0 END) AS holders
    FROM (
        SELECT token, standard, sum(balance) AS balance, sum(delta) AS delta
        FROM (
            SELECT token, standard, holder, balance, 0 AS delta FROM before WHERE standard = 20
            UNION ALL
            SELECT token, standard, holder, 0, -balance FROM deltas WHERE standard = 20
        ) AS side
        GROUP BY token, standard, holder
    ) AS c
    GROUP BY c.token, c.standard
    UNION ALL
    SELECT c.token, c.standard,
           sum(CASE WHEN c.holds OR EXISTS (
                   SELECT FROM token_balances AS b
                   WHERE b.token = c.token AND b.standard = c.standard AND b.holder = c.holder
                     AND b.balance > 0 AND b.token_id <> ALL (c.token_ids)
               ) THEN 1 ELSE 0 END
             - CASE WHEN EXISTS (
                   SELECT FROM token_balances AS b
                   WHERE b.token = c.token AND b.standard = c.standard AND b.holder = c.holder AND b.balance > 0
               ) THEN 1 ELSE 0 END)
    FROM (
        SELECT token, standard, holder, bool_or(balance > 0) AS holds, array_agg(token_id) AS token_ids
        FROM before
        WHERE standard <> 20
        GROUP BY token, standard, holder
    ) AS c
    GROUP BY c.token, c.standard
),
moved AS MATERIALIZED (
    SELECT token, standard, count(*) AS transfers,
           coalesce(sum(amount) FILTER (
               WHERE from_address = '\x0000000000000000000000000000000000000000'::bytea), 0) AS minted,
           coalesce(sum(amount) FILTER (
               WHERE to_address = '\x0000000000000000000000000000000000000000'::bytea), 0) AS burned
    FROM token_transfers
    WHERE block_number BETWEEN $1::bigint AND $2::bigint
    GROUP BY token, standard
),
forgotten AS (
    DELETE FROM tokens AS t
    USING moved AS m
    WHERE t.token = m.token AND t.standard = m.standard AND t.first_block >= $1::bigint
)
UPDATE tokens AS t SET
    transfer_count = t.transfer_count - m.transfers,
    holder_count = t.holder_count + coalesce(h.holders, 0),
    minted = t.minted - m.minted,
    burned = t.burned - m.burned
FROM moved AS m
LEFT JOIN holders AS h ON h.token = m.token AND h.standard = m.standard
WHERE t.token = m.token AND t.standard = m.standard AND t.first_block < $1::bigint;
