-- name: select_unknown_topics :many
-- First topics that no ABI knows, those of most logs first; with each row how many there are in all.
-- $1 rows
SELECT topic0, log_count, count(*) OVER () AS topics, (sum(log_count) OVER ())::bigint AS logs
FROM chain.unknown_topics
ORDER BY log_count DESC, topic0
LIMIT $1::integer;
