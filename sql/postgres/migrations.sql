-- name: has_migrations :value
-- Whether the bookkeeping of migrations exists.
-- no parameters
SELECT to_regclass('ops.migrations') IS NOT NULL;

-- name: select_migrations :many
-- Names of the migrations this database holds, oldest first.
-- no parameters
SELECT migration_id FROM ops.migrations ORDER BY applied_at_utc, migration_id;

-- name: lock_migrations :exec
-- One migration at a time in one database; waits no longer than lock_timeout.
-- no parameters
SELECT pg_advisory_lock(hashtextextended('pend migrations ' || current_database(), 0));

-- name: select_extension_schema :value
-- Where TimescaleDB's functions are; null where it is not installed.
-- no parameters
SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'timescaledb';

-- name: has_blocks :value
-- Whether any block is stored.
-- no parameters
SELECT EXISTS (SELECT FROM chain.blocks);

-- name: partition_facts :many
-- Make hypertables of the facts that are plain tables; their names.
-- $1 blocks per chunk
SELECT chain.partition_facts($1::bigint) AS fact;

-- name: partition_events :exec
-- Make a hypertable by time of the write side's analytics events.
-- no parameters
SELECT account.partition_events();

-- name: resize_chunks :many
-- From now on a chunk spans this many blocks; the facts it holds for.
-- $1 blocks per chunk
SELECT chain.resize_chunks($1::bigint) AS fact;
