-- name: insert_withdrawal :value
-- Ask to withdraw; its id, none when the user has no such investment. The rules of 0014 say whether it may be.
-- $1 user, $2 investment, $3 amount
INSERT INTO account.transactions (user_id, asset_id, investment_id, kind, amount, currency)
SELECT i.user_id, i.asset_id, i.id, 'withdrawal', $3::numeric, i.currency
FROM account.investments AS i
WHERE i.id = $2::uuid AND i.user_id = $1::uuid
RETURNING id;

-- name: select_transaction :one
-- One movement of the user.
-- $1 transaction, $2 user
SELECT t.id, t.investment_id, t.asset_id, t.kind, t.amount, t.currency, t.status, t.transaction_hash, t.block_number,
       t.log_index, t.is_final, t.failure_reason, t.created_at, t.expires_at, t.settled_at,
       a.title, trunc(t.amount * 10::numeric ^ d.token_decimals) AS chain_amount
FROM account.transactions AS t
LEFT JOIN account.assets AS a ON a.id = t.asset_id
LEFT JOIN account.asset_details AS d ON d.asset_id = t.asset_id
WHERE t.id = $1::uuid AND t.user_id = $2::uuid;

-- name: select_transactions :many
-- A page of the user's movements, newest first.
-- $1 limit, $2 created_at and $3 id of the cursor, $4 kind, $5 status, $6 asset, $7 investment, $8 user
WITH page AS (
    SELECT t.* FROM account.transactions AS t
    WHERE t.user_id = $8::uuid
      AND ($2::timestamptz IS NULL OR (t.created_at, t.id) < ($2::timestamptz, $3::uuid))
      AND ($4::text IS NULL OR t.kind = $4::text)
      AND ($5::text IS NULL OR t.status = $5::text)
      AND ($6::uuid IS NULL OR t.asset_id = $6::uuid)
      AND ($7::uuid IS NULL OR t.investment_id = $7::uuid)
    ORDER BY t.created_at DESC, t.id DESC LIMIT $1::integer
)
SELECT t.id, t.investment_id, t.asset_id, t.kind, t.amount, t.currency, t.status, t.transaction_hash, t.block_number,
       t.log_index, t.is_final, t.failure_reason, t.created_at, t.expires_at, t.settled_at,
       a.title, trunc(t.amount * 10::numeric ^ d.token_decimals) AS chain_amount
FROM page AS t
LEFT JOIN account.assets AS a ON a.id = t.asset_id
LEFT JOIN account.asset_details AS d ON d.asset_id = t.asset_id
ORDER BY t.created_at DESC, t.id DESC;

-- name: tell_transaction_hash :value
-- Say which transaction of the chain was sent for what is pending; its id.
-- $1 transaction, $2 user, $3 hash
UPDATE account.transactions SET transaction_hash = $3::bytea
WHERE id = $1::uuid AND user_id = $2::uuid AND status = 'pending'
RETURNING id;

-- name: select_hash_is_taken :value
-- Whether the chain settled another movement of the user, of the same terms, by this transaction.
-- $1 transaction, $2 user, $3 hash
SELECT EXISTS (
    SELECT FROM account.transactions AS t
    JOIN account.transactions AS o ON o.user_id = t.user_id AND o.asset_id = t.asset_id AND o.kind = t.kind
        AND o.amount = t.amount AND o.id <> t.id
    WHERE t.id = $1::uuid AND t.user_id = $2::uuid AND o.status = 'confirmed' AND o.transaction_hash = $3::bytea
);

-- name: cancel_transaction :value
-- Take back what is pending and names no transaction; whether it was.
-- $1 transaction
SELECT account.cancel_transaction($1::uuid);
