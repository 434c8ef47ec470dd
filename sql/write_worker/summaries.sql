-- name: allow_long_refresh :exec
-- Let the statements of this transaction run for so long.
-- $1 seconds
SELECT set_config('statement_timeout', $1::integer || 's', true);

-- name: refresh_summaries :exec
-- Make the summaries anew; readers go on with the old ones meanwhile.
-- no parameters
SELECT account.refresh_summaries();
