-- name: select_server :one
-- What this server and database can do, from names that exist in every home.
-- no parameters
SELECT
    current_setting('server_version_num')::integer AS server_version,
    current_setting('max_locks_per_transaction')::integer AS max_locks_per_transaction,
    current_setting('max_connections')::integer AS max_connections,
    (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb') AS timescale_version,
    (SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb') AS timescale_available,
    current_setting('timescaledb.max_background_workers', true) IS NOT NULL AS timescale_preloaded,
    current_setting('timescaledb.license', true) AS timescale_license,
    to_regclass('chain.blocks') IS NOT NULL AS has_facts;

-- name: select_hypertables :many
-- Our tables that are hypertables; only where the extension is installed.
-- no parameters
SELECT format('%I.%I', hypertable_schema, hypertable_name) AS fact
FROM timescaledb_information.hypertables
WHERE hypertable_schema = 'chain'
ORDER BY 1;
