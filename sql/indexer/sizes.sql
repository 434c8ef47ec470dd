-- name: select_table_sizes :many
-- Bytes of each table of chain with its indexes and, where it is a hypertable, its chunks; largest first.
-- no parameters
SELECT c.relname::text AS table_name,
       -- A hypertable without rows has no chunk.
       (SELECT coalesce(sum(pg_total_relation_size(p)), 0)
        FROM chain.fact_partitions(c.oid::regclass, -2) AS p)::bigint AS bytes
FROM pg_class AS c
WHERE c.relnamespace = 'chain'::regnamespace AND c.relkind = 'r'
ORDER BY bytes DESC, table_name;
