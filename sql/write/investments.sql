-- name: insert_investment :value
-- Ask to invest; its id, none when there is no such offer. The rules of 0014 say whether it may be.
-- $1 user, $2 asset, $3 amount, $4 currency
INSERT INTO account.investments (user_id, asset_id, amount, currency)
SELECT $1::uuid, a.id, $3::numeric, $4::text
FROM account.assets AS a
WHERE a.id = $2::uuid AND a.status <> 'draft'
RETURNING id;

-- name: select_investments :many
-- Investments with their terms, newest first.
-- $1 ids
SELECT i.id, i.user_id, i.asset_id, i.amount, i.currency, i.status, i.withdrawn, i.withdrawing, t.transaction_hash,
       i.block_number, i.failure_reason, i.invested_at, i.confirmed_at, i.expires_at, i.version,
       a.title, a.contract_address, trunc(i.amount * 10::numeric ^ d.token_decimals) AS chain_amount,
       i.confirmed_at + make_interval(days => coalesce(d.lockup_period, 0)) AS locked_until,
       t.id AS transaction_id
FROM account.investments AS i
JOIN account.transactions AS t ON t.investment_id = i.id AND t.kind = 'investment'
LEFT JOIN account.assets AS a ON a.id = i.asset_id
LEFT JOIN account.asset_details AS d ON d.asset_id = i.asset_id
WHERE i.id = ANY ($1::uuid[])
ORDER BY i.invested_at DESC, i.id DESC;

-- name: select_own_investment :one
-- Whether the user has this investment.
-- $1 investment, $2 user
SELECT i.id, i.status FROM account.investments AS i WHERE i.id = $1::uuid AND i.user_id = $2::uuid;

-- name: select_investment_ids_of_user :many
-- A page of one user's investments, newest first.
-- $1 limit, $2 invested_at and $3 id of the cursor, $4 status, $5 asset, $6 user
SELECT i.id, i.invested_at FROM account.investments AS i
WHERE i.user_id = $6::uuid
  AND ($2::timestamptz IS NULL OR (i.invested_at, i.id) < ($2::timestamptz, $3::uuid))
  AND ($4::text IS NULL OR i.status = $4::text)
  AND ($5::uuid IS NULL OR i.asset_id = $5::uuid)
ORDER BY i.invested_at DESC, i.id DESC LIMIT $1::integer;

-- name: select_investment_ids_of_asset :many
-- A page of the investments in one asset, newest first.
-- $1 limit, $2 invested_at and $3 id of the cursor, $4 status, $5 asset
SELECT i.id, i.invested_at FROM account.investments AS i
WHERE i.asset_id = $5::uuid
  AND ($2::timestamptz IS NULL OR (i.invested_at, i.id) < ($2::timestamptz, $3::uuid))
  AND ($4::text IS NULL OR i.status = $4::text)
ORDER BY i.invested_at DESC, i.id DESC LIMIT $1::integer;

-- name: select_investment_ids_of_status :many
-- A page of the investments in one state, newest first.
-- $1 limit, $2 invested_at and $3 id of the cursor, $4 status
SELECT i.id, i.invested_at FROM account.investments AS i
WHERE i.status = $4::text
  AND ($2::timestamptz IS NULL OR (i.invested_at, i.id) < ($2::timestamptz, $3::uuid))
ORDER BY i.invested_at DESC, i.id DESC LIMIT $1::integer;

-- name: select_investment_ids :many
-- A page of all investments, newest first.
-- $1 limit, $2 invested_at and $3 id of the cursor
SELECT i.id, i.invested_at FROM account.investments AS i
WHERE $2::timestamptz IS NULL OR (i.invested_at, i.id) < ($2::timestamptz, $3::uuid)
ORDER BY i.invested_at DESC, i.id DESC LIMIT $1::integer;

-- name: select_positions :many
-- What one user holds or waits for, by asset, the largest first.
-- $1 limit, $2 user
SELECT p.*, a.title
FROM (
    SELECT i.asset_id, i.currency,
           coalesce(sum(i.amount - i.withdrawn) FILTER (WHERE i.status = 'confirmed'), 0) AS invested,
           coalesce(sum(i.amount) FILTER (WHERE i.status = 'pending'), 0) AS pending,
           sum(i.withdrawing) AS withdrawing, sum(i.withdrawn) AS withdrawn,
           count(*) AS investment_count, min(i.invested_at) AS first_invested_at
    FROM account.investments AS i
    WHERE i.user_id = $2::uuid AND i.status <> 'failed'
    GROUP BY i.asset_id, i.currency
) AS p
LEFT JOIN account.assets AS a ON a.id = p.asset_id
ORDER BY p.invested DESC, p.asset_id
LIMIT $1::integer;

-- name: select_portfolio_summary :one
-- One user's summary as it was last counted.
-- $1 user
SELECT total_assets, total_invested, total_investments, last_investment_date
FROM account.user_portfolio WHERE user_id = $1::uuid;
