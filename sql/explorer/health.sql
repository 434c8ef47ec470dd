-- name: select_health :one
-- How far chain and outbox are; no row before a network is recorded.
-- $1 last row of the outbox that was heard, $2 highest block that was heard of
SELECT t.outbox_sequence AS sequence, t.head_number,
       (SELECT extract(epoch FROM clock_timestamp() - o.created_at)::double precision
        FROM chain.outbox AS o WHERE o.sequence = $1::bigint + 1) AS behind_s,
       (SELECT extract(epoch FROM clock_timestamp() - b.timestamp)::double precision
        FROM chain.blocks AS b WHERE b.number = $2::bigint) AS head_age_s
FROM chain.tip AS t;
