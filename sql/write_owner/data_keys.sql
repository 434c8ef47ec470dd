-- name: count_data_keys :many
-- How many data keys each master key wraps.
-- no parameters
SELECT k.master_key_id, count(*) AS data_keys FROM account.data_keys AS k
WHERE k.wrapped IS NOT NULL GROUP BY k.master_key_id ORDER BY k.master_key_id;

-- name: justify_rotation :value
-- What the audit trail says of the rest of the transaction.
-- no parameters
SELECT set_config('app.justification', 'rotation of the master key', true);

-- name: select_data_keys_to_wrap :many
-- The next data keys that another master key wraps; nobody else changes them meanwhile.
-- $1 the master key that shall wrap them, $2 after this id, $3 the most
SELECT k.id, k.wrapped, k.master_key_id FROM account.data_keys AS k
WHERE k.wrapped IS NOT NULL AND k.master_key_id <> $1::text AND ($2::uuid IS NULL OR k.id > $2::uuid)
ORDER BY k.id LIMIT $3::integer FOR NO KEY UPDATE;

-- name: wrap_data_keys :exec
-- Keep data keys as they are wrapped now.
-- $1 ids, $2 wrapped, $3 the master keys that wrapped them
UPDATE account.data_keys AS k SET wrapped = n.wrapped, master_key_id = n.master_key_id
FROM unnest($1::uuid[], $2::bytea[], $3::text[]) AS n (id, wrapped, master_key_id)
WHERE k.id = n.id AND k.wrapped IS NOT NULL;
