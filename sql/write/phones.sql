-- name: register_phone :exec
-- The phone of the user who acts, once the code that was sent to it came back.
-- $1 user, $2 keyed hash of the number
UPDATE account.users SET phone_hash = $2::bytea WHERE id = $1::uuid;

-- name: show_phone :one
-- What the profile shows of it; its country, where the number has one.
-- $1 user, $2 masked number, $3 country
UPDATE account.user_profiles SET phone_number_masked = $2::text, country_code = coalesce($3::text, country_code)
WHERE user_id = $1::uuid
RETURNING phone_number_masked, country_code;
