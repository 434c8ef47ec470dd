-- name: add_unknown_topics :exec
-- Count logs that no ABI knows; a count may go down.
-- $1 first topics, $2 how many logs of each
INSERT INTO unknown_topics AS u (topic0, log_count)
SELECT topic0, log_count FROM unnest($1::bytea[], $2::bigint[]) AS found (topic0, log_count)
ORDER BY topic0
ON CONFLICT (topic0) DO UPDATE SET log_count = u.log_count + excluded.log_count;

-- name: revert_unknown_topics :many
-- Take the unknown logs of these blocks out of the counts, which their decoded events still tell apart.
-- $1 first block, $2 last block
UPDATE unknown_topics AS u SET log_count = u.log_count - gone.log_count
FROM (
    SELECT coalesce(l.topic0, '') AS topic0, count(*) AS log_count
    FROM chain.logs AS l
    LEFT JOIN decoded_events AS d
        ON d.block_number = l.block_number AND d.log_index = l.log_index
       AND d.block_number BETWEEN $1::bigint AND $2::bigint
    WHERE l.block_number BETWEEN $1::bigint AND $2::bigint AND d.block_number IS NULL
    GROUP BY 1
) AS gone
WHERE u.topic0 = gone.topic0
RETURNING u.topic0;

-- name: delete_known_topics :exec
-- Forget those of some topics that no unknown log has any more.
-- $1 first topics
DELETE FROM unknown_topics WHERE log_count = 0 AND topic0 = ANY ($1::bytea[]);
