-- name: try_worker_lock :value
-- Whether this session is now the one worker of the database; until it ends.
-- no parameters
SELECT pg_try_advisory_lock(hashtextextended('pend write worker', 0));

-- name: select_may_work :value
-- Whether this role is the worker's.
-- no parameters
SELECT has_function_privilege('account.confirm_transaction(uuid, bigint, integer)', 'EXECUTE');

-- name: select_master_keys :many
-- How many keys each master key wraps: what is lost when one is not there.
-- no parameters
SELECT master_key_id, data_keys FROM account.master_keys();
